#pragma once
// A Unix stream socket: each client gets every message from its connection on. What clients send is
// not read; one that only closed its sending side stays. Belongs to one thread.

#include <poll.h>

#include <cstdint>
#include <string>
#include <vector>

#include "adapters/descriptor.h"
#include "adapters/tail_client.h"
#include "adapters/tail_target.h"

namespace spoolmq::adapters {

inline constexpr std::size_t kMostClients = 256;  // more are turned away

class TailSocket final : public TailTarget {
 public:
  TailSocket(std::string path, TargetPlace place, Hold hold);
  ~TailSocket() override;  // the path is free again

  void attend(At at) override;
  [[nodiscard]] bool has_room() const override;
  void put(TailPiece& piece) override;
  [[nodiscard]] bool is_behind() const override;
  [[nodiscard]] bool has_news() override;
  void wait(Milliseconds longest) override;
  [[nodiscard]] std::size_t messages_waiting() const override { return 0; }
  TailMoved take_moved() override;

 private:
  void accept_all();
  void part_with_lost();
  int poll_all(Milliseconds longest);

  const std::string path_;
  const TargetPlace place_;
  bool holding_;
  Descriptor listening_;
  std::vector<TailClient> clients_;
  std::vector<pollfd> polled_;  // the listening one, then the clients
  TailMoved moved_;
};

}  // namespace spoolmq::adapters

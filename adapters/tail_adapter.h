#pragma once
// Hands every message that is sent to a queue to a program, a FIFO or the clients of a socket. An
// observer: no lease, no change of the queue. Where the other side is full it waits, falls behind
// and catches up from the disk. Its position is in memory only: a new one begins by `from`.
//   turn() throws Error(kTryAgain) where the other side refuses: the same adapter goes on later,
//   from where it was.
// Not thread-safe, but for interrupt().

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "adapters/adapter.h"
#include "adapters/tail_settings.h"
#include "adapters/tail_stream.h"
#include "adapters/tail_target.h"

namespace spoolmq::adapters {

class TailAdapter final : public Adapter {
 public:
  // Opens the queue and begins to listen to it. Throws Error.
  TailAdapter(TailSettings settings, AdapterPlace place, TailJson json);
  ~TailAdapter() override;

  Turn turn() override;
  void interrupt() override;

 private:
  bool rounds();
  bool round(Milliseconds left);
  template <typename Act>
  void with_target(const Act& act);
  void attend();
  void put();
  void count();
  void tell_gone();
  void refuse_removed() const;

  const TailSettings settings_;
  const AdapterPlace place_;
  std::optional<Queue> queue_;
  std::optional<TailStream> stream_;
  std::unique_ptr<TailTarget> target_;
  TailPiece piece_;
  bool has_piece_ = false;  // read, but not put yet
  std::uint64_t told_gone_ = 0;
  std::atomic<bool> interrupted_{false};  // set by interrupt(), taken back by the turn that saw it
};

}  // namespace spoolmq::adapters

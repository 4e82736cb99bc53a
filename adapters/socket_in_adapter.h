#pragma once
// Listens for stream connections and sends what they bring to a queue. What came within one round,
// on whatever connections, is one write and one sync; then it is answered. A queue that takes
// nothing is asked again ten times a second while nobody is read; after five seconds of that the
// turn throws Error(kTryAgain), and the same adapter goes on later: no connection is lost by it.
//   With `once`: over when the last connection of at least one has ended.
// Not thread-safe, but for interrupt().

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/in_connection.h"
#include "adapters/intake.h"
#include "adapters/poll_set.h"
#include "adapters/polled_adapter.h"
#include "adapters/reception.h"
#include "adapters/socket_in_settings.h"

namespace spoolmq::adapters {

class SocketInAdapter final : public PolledAdapter {
 public:
  // Opens the queue and listens. Throws Error.
  SocketInAdapter(const std::string& queue, SocketInSettings settings, AdapterPlace place);
  ~SocketInAdapter() override;  // what came whole is sent, if the queue takes it

 protected:
  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

 private:
  using Token = std::uint64_t;  // of a connection

  void collect_ready();
  void welcome(std::unique_ptr<Stream> stream, Peer peer);
  void note_ready(Token token, InConnection& connection);
  // What they bring, and what becomes of it.
  void serve_ready();
  InConnection::Taking taking(Token token);
  void flush();
  void deliver(const std::vector<Intake::Taken>& taken);
  void end_stuck();
  void settle_served();
  void settle(Token token, InConnection& connection);
  void limit_memory(InConnection& connection, Token token);
  void expire_due();
  [[nodiscard]] bool is_stuck() const { return stuck_since_boot_ms_ != 0; }
  [[nodiscard]] std::int64_t next_due() const;

  const SocketInSettings settings_;
  const AdapterPlace place_;
  Queue queue_;
  Intake intake_;
  PollSet poll_set_;
  Reception reception_;
  std::unordered_map<Token, InConnection> connections_;
  std::vector<Token> ready_;   // something may be read or written; each once
  std::vector<Token> served_;  // in this step; their places in the poll set are to be changed
  Token next_token_;
  std::string buffer_;
  std::uint64_t unfinished_bytes_ = 0;    // of all connections
  std::int64_t now_ms_ = 0;               // boot, of this step
  std::int64_t deadline_ms_ = INT64_MAX;  // no connection's is earlier
  std::int64_t stuck_since_boot_ms_ = 0;  // 0: the queue takes what comes
  std::int64_t retry_ms_ = 0;             // it is asked again
  bool served_any_ = false;
};

}  // namespace spoolmq::adapters

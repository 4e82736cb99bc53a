#pragma once
// Listens for stream connections and sends what they bring to a queue. What came within one round,
// on whatever connections, is one write and one sync; then it is answered. A queue that takes
// nothing is asked again ten times a second while nobody is read; after five seconds of that the
// turn throws Error(kTryAgain), and the same adapter goes on later: no connection is lost by it.
//   With `once`: over when the last connection of at least one has ended.
// Not thread-safe, but for interrupt().

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/in_connection.h"
#include "adapters/intake.h"
#include "adapters/listening.h"
#include "adapters/poll_set.h"
#include "adapters/polled_adapter.h"
#include "adapters/socket_in_settings.h"
#include "adapters/tls.h"

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
  using Token = std::uint64_t;  // of a connection; those below kFirstToken: a listening socket's
  static constexpr Token kFirstToken = 1024;

  void open();
  void look_at_path();
  // Who comes (socket_in_accept.cc).
  void collect_ready();
  void accept_from(std::size_t listening);
  void suspend_accepting(const std::string& why);
  void welcome(Descriptor socket);
  void tell_refused(const std::string& subject, const std::string& why);
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
  const std::size_t most_connections_;
  std::optional<TlsContext> tls_;
  PollSet poll_set_;
  std::optional<Listening> listening_;
  std::vector<PollSet::Place> listening_places_;
  std::unordered_map<Token, InConnection> connections_;
  std::vector<Token> ready_;   // something may be read or written; each once
  std::vector<Token> served_;  // in this step; their places in the poll set are to be changed
  Token next_token_;
  std::string buffer_;
  std::uint64_t unfinished_bytes_ = 0;    // of all connections
  std::int64_t now_ms_ = 0;               // boot, of this step
  std::int64_t accept_after_ms_ = 0;      // nobody is accepted before
  std::int64_t look_ms_ = 0;              // at the path again
  std::int64_t deadline_ms_ = INT64_MAX;  // no connection's is earlier
  std::int64_t stuck_since_boot_ms_ = 0;  // 0: the queue takes what comes
  std::int64_t retry_ms_ = 0;             // it is asked again
  std::int64_t telling_until_ms_ = 0;
  int told_ = 0;  // refusals, until then
  bool has_place_told_ = false;  // that there are too many connections
  bool accept_told_ = false;     // that nobody can be accepted
  bool served_any_ = false;
};

}  // namespace spoolmq::adapters

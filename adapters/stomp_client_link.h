#pragma once
// Keeps a client of STOMP in a session with one of its hosts. A round tries each host once, first
// the one behind the last good one, until one of them proves itself (prove()): something went
// through, or the session lasts. A proven session that is lost begins a new round, after a moment
// that is not the same for everybody. Belongs to one thread; nothing here blocks, but connecting to
// a Unix socket with a full backlog, for a second.
//
//   while (StompClientSession* session = link.session(now)) { … if (it failed) link.lost(why); }
//
// Throws Error(kUnavailable, kPermission, …) when no host of a round was any good: then whoever
// runs the adapter waits, longer each time, and says so.

#include <poll.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/connecting.h"
#include "adapters/stomp_client_session.h"
#include "adapters/stomp_client_settings.h"
#include "adapters/tls.h"

namespace spoolmq::adapters {

class StompClientLink {
 public:
  // Both must outlive this. `doing`: what an Error says was tried ("forward").
  StompClientLink(const StompClientSettings& settings, const AdapterPlace& place,
                  std::string_view doing);

  // In a session, past CONNECTED; null: on the way.
  StompClientSession* session(std::int64_t now_boot_ms);
  [[nodiscard]] bool is_proven() const { return proven_; }
  void prove() { proven_ = true; }
  // The other side owes nothing: a session that lasts is as good as one that something went
  // through.
  void prove_by_lasting(std::int64_t now_boot_ms);
  // The session is over. Throws where that was the last host of its round.
  void lost(std::int64_t now_boot_ms, const std::string& why);
  // The session is given up by us; the next one begins a new round.
  void leave();

  // What session() waits for, and until when; in a session: the caller's to say.
  void gather(std::vector<pollfd>& waited) const;
  [[nodiscard]] std::int64_t next_boot_ms() const;
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  void begin_round();
  bool connect(std::int64_t now_boot_ms);
  void connect_to_path(std::int64_t now_boot_ms);
  void begin_session(Descriptor socket, const std::string& host, std::int64_t now_boot_ms);
  bool open(std::int64_t now_boot_ms);
  [[nodiscard]] StompClientSession::Hello hello(int socket) const;

  const StompClientSettings& settings_;
  const AdapterPlace& place_;
  const std::string doing_;
  std::optional<TlsContext> tls_;
  std::vector<HostPort> hosts_;  // in the order of the next round
  std::deque<HostPort> left_;    // of this round, not tried
  std::optional<Connecting> connecting_;
  std::optional<StompClientSession> session_;
  std::string address_;             // that we are connected to, or were
  std::int64_t pause_boot_ms_ = 0;  // nothing is tried before
  std::int64_t opening_until_ms_ = 0;
  std::int64_t opened_boot_ms_ = 0;
  bool in_round_ = false;
  bool is_open_ = false;  // past CONNECTED
  bool proven_ = false;
};

}  // namespace spoolmq::adapters

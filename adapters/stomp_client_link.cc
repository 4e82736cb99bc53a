#include "adapters/stomp_client_link.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "adapters/unix_socket.h"
#include "core/id_source.h"
#include "core/log.h"
#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kSilenceMs = 30'000;  // then a machine that vanished is noticed
constexpr std::int64_t kProvenMs = 2000;
constexpr std::int64_t kLeastPauseMs = 50;
constexpr std::uint64_t kPauseSpreadMs = 250;

}  // namespace

StompClientLink::StompClientLink(const StompClientSettings& settings, const AdapterPlace& place,
                                 std::string_view doing)
    : settings_(settings), place_(place), doing_(doing), hosts_(settings.addresses) {
  if (settings_.has_tls) tls_ = TlsContext::client(settings_.tls);
}

StompClientSession* StompClientLink::session(std::int64_t now_boot_ms) {
  if (is_open_) return &*session_;
  if (now_boot_ms < pause_boot_ms_) return nullptr;
  if (!in_round_) begin_round();
  if (!session_ && !connect(now_boot_ms)) return nullptr;
  return open(now_boot_ms) ? &*session_ : nullptr;
}

void StompClientLink::gather(std::vector<pollfd>& waited) const {
  if (session_) {
    waited.push_back({session_->descriptor(), session_->events(Reading::kYes), 0});
  } else if (connecting_) {
    waited.push_back({connecting_->descriptor(), connecting_->events(), 0});
  }
}

std::int64_t StompClientLink::next_boot_ms() const {
  if (session_) return opening_until_ms_;
  return connecting_ ? connecting_->deadline_boot_ms() : pause_boot_ms_;
}

// ---- On the way

void StompClientLink::begin_round() {
  in_round_ = true;
  proven_ = false;
  left_.assign(hosts_.begin(), hosts_.end());
}

// True: session_ is there.
bool StompClientLink::connect(std::int64_t now_boot_ms) {
  if (!settings_.path.empty()) {
    connect_to_path(now_boot_ms);
    return true;
  }
  if (!connecting_) {
    connecting_.emplace(std::vector<HostPort>(left_.begin(), left_.end()),
                        Connecting::Limits{settings_.connect_ms, kSilenceMs, Unread::kGivenUp});
  }
  std::optional<Connected> connected = connecting_->advance(now_boot_ms);
  if (!connected) return false;
  connecting_.reset();
  address_ = connected->address;
  const auto found = std::ranges::find(left_, connected->place);
  left_.erase(left_.begin(), found == left_.end() ? found : found + 1);
  // The next round begins behind it.
  const auto mine = std::ranges::find(hosts_, connected->place);
  if (mine != hosts_.end()) std::rotate(hosts_.begin(), mine + 1, hosts_.end());
  const std::string& name = settings_.tls_name.empty() ? connected->place.host : settings_.tls_name;
  begin_session(std::move(connected->socket), name, now_boot_ms);
  return true;
}

void StompClientLink::connect_to_path(std::int64_t now_boot_ms) {
  address_ = settings_.path;
  begin_session(connect_to_allowed(settings_.path, settings_.allowed), settings_.tls_name,
                now_boot_ms);
}

void StompClientLink::begin_session(Descriptor socket, const std::string& host,
                                    std::int64_t now_boot_ms) {
  const StompClientSession::Hello said = hello(socket.number());
  const StompLimits limits{.body_bytes = settings_.most_bytes};
  session_.emplace(tls_ ? tls_->connect(std::move(socket), host) : plain_stream(std::move(socket)),
                   said, limits, now_boot_ms);
  opening_until_ms_ = now_boot_ms + settings_.connect_ms;
}

// Read for each session, so that a new passcode needs no restart.
StompClientSession::Hello StompClientLink::hello(int socket) const {
  StompClientSession::Hello said{settings_.vhost, {}, {}, settings_.heart_beat_ms};
  if (settings_.login_file.empty()) return said;
  if (!tls_ && !settings_.insecure && !SocketAddress::of_peer(socket).is_loopback()) {
    throw Error(ErrorCode::kConfiguration, "log in", address_,
                "the passcode would leave this machine unencrypted: it needs tls, or insecure");
  }
  StompLogin login = read_stomp_login(settings_.login_file);
  said.login = std::move(login.login);
  said.passcode = std::move(login.passcode);
  return said;
}

// True: past CONNECTED.
bool StompClientLink::open(std::int64_t now_boot_ms) {
  switch (session_->open(now_boot_ms)) {
    case Moved::kDone:
      break;
    case Moved::kLater:
      if (now_boot_ms >= opening_until_ms_) {
        lost(now_boot_ms, "no CONNECTED within " +
                              format_duration(std::chrono::milliseconds{settings_.connect_ms}));
      }
      return false;
    default:
      lost(now_boot_ms, session_->failure());
      return false;
  }
  is_open_ = true;
  opened_boot_ms_ = now_boot_ms;
  log::info("connected", {{"adapter", place_.name},
                          {"address", address_},
                          {"server", session_->server()},
                          {"version", stomp_version_text(session_->version())}});
  return true;
}

void StompClientLink::prove_by_lasting(std::int64_t now_boot_ms) {
  if (is_open_ && now_boot_ms - opened_boot_ms_ >= kProvenMs) proven_ = true;
}

// ---- Over

void StompClientLink::lost(std::int64_t now_boot_ms, const std::string& why) {
  const bool refused = !is_open_ && session_ && session_->error() != nullptr;
  const bool was_proven = std::exchange(proven_, false);
  const std::string said = why;  // it may be the session's own
  session_.reset();
  is_open_ = false;
  log::info("not connected any more",
            {{"adapter", place_.name}, {"address", address_}, {"why", said}});
  if (was_proven) {
    in_round_ = false;
    pause_boot_ms_ =
        now_boot_ms + kLeastPauseMs + static_cast<std::int64_t>(random_bits() % kPauseSpreadMs);
    return;
  }
  if (!left_.empty()) return;
  throw Error(refused ? ErrorCode::kPermission : ErrorCode::kUnavailable, doing_, address_, said);
}

void StompClientLink::leave() {
  session_.reset();
  connecting_.reset();
  is_open_ = false;
  in_round_ = false;
  proven_ = false;
}

}  // namespace spoolmq::adapters

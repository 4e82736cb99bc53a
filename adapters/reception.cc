#include "adapters/reception.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "adapters/connecting.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr int kAcceptsPerRound = 64;
constexpr std::int64_t kAcceptPauseMs = 1000;
constexpr std::int64_t kLookMs = 1000;
constexpr rlim_t kSpareDescriptors = 16;
constexpr rlim_t kReservedDescriptors = 256;
constexpr std::int64_t kSilenceMs = 60'000;  // of a TCP peer that vanished
constexpr std::int64_t kTellingMs = 1000;    // within which so many are told
constexpr int kMostTold = 20;

// The queues, and other adapters, need descriptors too.
std::size_t affordable_connections(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const rlim_t reserved = std::min(limit.rlim_cur / 2, kReservedDescriptors);
  return std::min<std::size_t>(wanted, limit.rlim_cur - reserved);
}

// Descriptors are given out from the lowest free one: a high one means that few are left, of which
// the queue may need some for what the connections bring.
bool are_descriptors_scarce(int any) {
  const Descriptor next(::fcntl(any, F_DUPFD_CLOEXEC, 0));
  rlimit limit{};
  if (!next.is_open() || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) return true;
  return static_cast<rlim_t>(next.number()) + kSpareDescriptors >= limit.rlim_cur;
}

}  // namespace

Reception::Reception(const ReceptionRules& rules, const AdapterPlace& place, PollSet& poll_set,
                     std::int64_t now_boot_ms)
    : rules_(rules),
      place_(place),
      poll_set_(poll_set),
      most_connections_(affordable_connections(rules.most_connections)),
      now_ms_(now_boot_ms) {
  if (rules_.has_tls) tls_ = TlsContext::server(rules_.tls);
  open();
}

void Reception::open() {
  listening_.reset();
  listening_.emplace(rules_.place);
  places_.assign(listening_->sockets().size(), {});
  for (std::size_t i = 0; i < places_.size(); ++i) places_[i].token = i;
  if (!rules_.allowed.is_anybody() && !listening_->are_local()) {
    throw Error(ErrorCode::kConfiguration, "listen", rules_.place.text(),
                "allow-users and allow-groups are for Unix sockets");
  }
  look_ms_ = now_ms_ + kLookMs;
}

void Reception::prepare(std::size_t connections, std::int64_t now_boot_ms) {
  now_ms_ = now_boot_ms;
  // Who removed our path meant a new one to be made, or did not mean it.
  if (now_ms_ >= look_ms_) {
    look_ms_ = now_ms_ + kLookMs;
    if (listening_->is_lost()) {
      log::warn("the socket's path was removed, it is made anew",
                {{"adapter", place_.name}, {"path", rules_.place.text()}});
      open();
    }
  }
  free_ = connections < most_connections_ ? most_connections_ - connections : 0;
  const bool may_accept = now_ms_ >= accept_after_ms_ && free_ > 0;
  if (free_ > 0) is_full_told_ = false;
  if (free_ == 0 && !std::exchange(is_full_told_, true)) {
    log::warn("no more connections are accepted until one ends",
              {{"adapter", place_.name}, {"connections", most_connections_}});
  }
  for (std::size_t i = 0; i < places_.size(); ++i) {
    poll_set_.change(listening_->sockets()[i].number(), places_[i], may_accept ? EPOLLIN : 0U);
  }
}

void Reception::accept(std::uint64_t token, const Welcome& welcome) {
  for (int i = 0; i < kAcceptsPerRound && free_ > 0 && now_ms_ >= accept_after_ms_; ++i) {
    if (are_descriptors_scarce(poll_set_.descriptor())) {
      suspend("hardly any descriptor is left");
      return;
    }
    try {
      std::optional<Descriptor> accepted = listening_->accept(token);
      if (!accepted) return;
      let_in(std::move(*accepted), welcome);
      is_suspended_told_ = false;
    } catch (const Error& error) {
      suspend(error.what());
    }
  }
}

// Out of descriptors or memory: those who wait would wake us again and again.
void Reception::suspend(const std::string& why) {
  accept_after_ms_ = now_ms_ + kAcceptPauseMs;
  if (std::exchange(is_suspended_told_, true)) return;
  log::warn("connections wait to be accepted", {{"adapter", place_.name}, {"why", why}});
}

void Reception::let_in(Descriptor socket, const Welcome& welcome) {
  std::optional<Peer> peer;
  try {
    peer = peer_of(socket.number());
  } catch (const Error&) {
    return;  // it has gone before we could ask who it was
  }
  if (!rules_.allowed.has(*peer)) {
    tell_refused(peer->name, "may not connect (" + peer->address + ")");
    return;
  }
  set_tcp_limits(socket.number(), kSilenceMs, Unread::kWaits);
  std::unique_ptr<Stream> stream =
      tls_ ? tls_->accept(std::move(socket)) : plain_stream(std::move(socket));
  --free_;
  welcome(std::move(stream), std::move(*peer));
}

void Reception::tell_refused(const std::string& subject, const std::string& why) {
  if (place_.counters != nullptr) place_.counters->refused.fetch_add(1, std::memory_order_relaxed);
  if (now_ms_ >= telling_until_ms_) {
    telling_until_ms_ = now_ms_ + kTellingMs;
    told_ = 0;
  }
  if (++told_ <= kMostTold && place_.on_refused) place_.on_refused(subject, why);
}

std::int64_t Reception::next_due_boot_ms() const {
  return now_ms_ < accept_after_ms_ ? std::min(look_ms_, accept_after_ms_) : look_ms_;
}

}  // namespace spoolmq::adapters

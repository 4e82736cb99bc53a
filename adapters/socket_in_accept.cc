// Who comes to a socket-in, and who is let in.

#include <fcntl.h>
#include <sys/resource.h>

#include <utility>

#include "adapters/connecting.h"
#include "adapters/socket_in_adapter.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr int kAcceptsPerStep = 64;
constexpr std::int64_t kAcceptPauseMs = 1000;
constexpr rlim_t kSpareDescriptors = 16;
constexpr std::int64_t kSilenceMs = 60'000;  // of a TCP peer that vanished
constexpr std::int64_t kTellingMs = 1000;    // within which so many are told
constexpr int kMostTold = 20;

// Descriptors are given out from the lowest free one: a high one means that few are left, of which
// the queue may need some for what the connections bring.
bool are_descriptors_scarce(int any) {
  const Descriptor next(::fcntl(any, F_DUPFD_CLOEXEC, 0));
  rlimit limit{};
  if (!next.is_open() || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) return true;
  return static_cast<rlim_t>(next.number()) + kSpareDescriptors >= limit.rlim_cur;
}

}  // namespace

void SocketInAdapter::collect_ready() {
  const bool may_accept = now_ms_ >= accept_after_ms_ && connections_.size() < most_connections_;
  if (!may_accept && now_ms_ >= accept_after_ms_ && !std::exchange(has_place_told_, true)) {
    log::warn("no more connections are accepted until one ends",
              {{"adapter", place_.name}, {"connections", most_connections_}});
  }
  if (may_accept) has_place_told_ = false;
  for (std::size_t i = 0; i < listening_places_.size(); ++i) {
    poll_set_.change(listening_->sockets()[i].number(), listening_places_[i],
                     may_accept ? EPOLLIN : 0U);
  }
  for (const epoll_event& event : poll_set_.ready()) {
    const Token token = event.data.u64;
    if (token < kFirstToken) {
      accept_from(token);
    } else if (const auto found = connections_.find(token); found != connections_.end()) {
      note_ready(token, found->second);
    }
  }
}

void SocketInAdapter::note_ready(Token token, InConnection& connection) {
  if (!std::exchange(connection.is_ready, true)) ready_.push_back(token);
}

void SocketInAdapter::accept_from(std::size_t listening) {
  for (int i = 0; i < kAcceptsPerStep; ++i) {
    if (now_ms_ < accept_after_ms_ || connections_.size() >= most_connections_) return;
    if (are_descriptors_scarce(poll_set_.descriptor())) {
      suspend_accepting("hardly any descriptor is left");
      return;
    }
    try {
      std::optional<Descriptor> accepted = listening_->accept(listening);
      if (!accepted) return;
      welcome(std::move(*accepted));
      accept_told_ = false;
    } catch (const Error& error) {
      suspend_accepting(error.what());
    }
  }
}

// Out of descriptors or memory: those who wait would wake us again and again.
void SocketInAdapter::suspend_accepting(const std::string& why) {
  accept_after_ms_ = now_ms_ + kAcceptPauseMs;
  if (std::exchange(accept_told_, true)) return;
  log::warn("connections wait to be accepted", {{"adapter", place_.name}, {"why", why}});
}

void SocketInAdapter::welcome(Descriptor socket) {
  std::optional<Peer> peer;
  try {
    peer = peer_of(socket.number());
  } catch (const Error&) {
    return;  // it has gone before we could ask who it was
  }
  if (!settings_.allowed.has(*peer)) {
    tell_refused(peer->name, "may not connect (" + peer->address + ")");
    return;
  }
  set_tcp_limits(socket.number(), kSilenceMs, Unread::kWaits);
  std::unique_ptr<Stream> stream =
      tls_ ? tls_->accept(std::move(socket)) : plain_stream(std::move(socket));
  const Token token = next_token_++;
  InConnection& made =
      connections_.try_emplace(token, std::move(stream), std::move(*peer), settings_, now_ms_)
          .first->second;
  made.place.token = token;
  served_any_ = true;
  note_ready(token, made);
}

// All are counted; told are some, as whoever may not connect could fill the log.
void SocketInAdapter::tell_refused(const std::string& subject, const std::string& why) {
  if (place_.counters != nullptr) place_.counters->refused.fetch_add(1, std::memory_order_relaxed);
  if (now_ms_ >= telling_until_ms_) {
    telling_until_ms_ = now_ms_ + kTellingMs;
    told_ = 0;
  }
  if (++told_ <= kMostTold && place_.on_refused) place_.on_refused(subject, why);
}

}  // namespace spoolmq::adapters

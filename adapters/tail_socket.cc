#include "adapters/tail_socket.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "adapters/unix_socket.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::uint32_t kMode = 0600;

}  // namespace

TailSocket::TailSocket(std::string path, TargetPlace place, Hold hold)
    : path_(std::move(path)), place_(std::move(place)), holding_(hold == Hold::kForFirst) {}

TailSocket::~TailSocket() {
  if (listening_.is_open()) static_cast<void>(::unlink(path_.c_str()));
}

void TailSocket::attend(At at) {
  if (!listening_.is_open()) listening_ = Descriptor(listen_at(path_, kMode));
  for (TailClient& client : clients_) {
    if (client.waiting_bytes() > 0) client.send_waiting();
  }
  part_with_lost();
  if (at == At::kMessage) accept_all();
}

bool TailSocket::has_room() const {
  return listening_.is_open() && !holding_ && std::ranges::none_of(clients_, &TailClient::is_full);
}

void TailSocket::put(TailPiece& piece) {
  if (clients_.empty()) return;
  const std::int64_t now_ms = place_.clock->boot_ms();
  for (TailClient& client : clients_) client.send(piece.bytes, now_ms);
  moved_.messages += piece.ends.size();
  moved_.bytes += piece.bytes.size();
}

bool TailSocket::is_behind() const {
  return std::ranges::any_of(clients_,
                             [](const TailClient& one) { return one.waiting_bytes() > 0; });
}

bool TailSocket::has_news() { return poll_all(Milliseconds{0}) > 0; }

void TailSocket::wait(Milliseconds longest) { static_cast<void>(poll_all(longest)); }

TailMoved TailSocket::take_moved() { return std::exchange(moved_, {}); }

void TailSocket::accept_all() {
  while (true) {
    Descriptor accepted(
        ::accept4(listening_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!accepted.is_open()) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN) return;
      throw Error::from_errno(errno, "accept", path_);
    }
    if (clients_.size() == kMostClients) {
      log::warn("client turned away, there are too many",
                {{"adapter", place_.adapter}, {"socket", path_}});
      continue;
    }
    clients_.emplace_back(std::move(accepted));
    holding_ = false;
  }
}

void TailSocket::part_with_lost() {
  if (clients_.empty()) return;
  // Of what it is not asked for, poll(2) tells a client's end: both directions are shut.
  if (poll_all(Milliseconds{0}) > 0) {
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      if ((polled_[i + 1].revents & (POLLHUP | POLLERR)) != 0) clients_[i].set_gone();
    }
  }
  const std::int64_t now_ms = place_.clock->boot_ms();
  std::erase_if(clients_, [&](const TailClient& client) {
    if (client.is_gone()) return true;
    if (!client.is_too_slow(now_ms)) return false;
    log::warn("client disconnected, it does not read", {{"adapter", place_.adapter},
                                                        {"socket", path_},
                                                        {"pid", client.pid()},
                                                        {"waiting", client.waiting_bytes()}});
    return true;
  });
}

// How many have something: a client to be taken, one that went, or takes more of what waits for it.
int TailSocket::poll_all(Milliseconds longest) {
  polled_.clear();
  polled_.push_back({listening_.number(), POLLIN, 0});
  for (const TailClient& client : clients_) {
    const short events = client.waiting_bytes() > 0 ? POLLOUT : 0;
    polled_.push_back({client.descriptor(), events, 0});
  }
  return ::poll(polled_.data(), polled_.size(), static_cast<int>(longest.count()));
}

std::unique_ptr<TailTarget> make_socket_target(const SocketPlace& place, TargetPlace given,
                                               Hold hold) {
  return std::make_unique<TailSocket>(place.path, std::move(given), hold);
}

}  // namespace spoolmq::adapters

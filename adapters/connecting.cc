#include "adapters/connecting.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <system_error>

#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr int kProbes = 3;

std::string text_of(int error_number) { return std::generic_category().message(error_number); }

// What became of a non-blocking connect(2): 0 connected; EINPROGRESS; else its errno.
int state_of(int socket) {
  pollfd waited{socket, POLLOUT, 0};
  if (::poll(&waited, 1, 0) <= 0) return EINPROGRESS;
  int error_number = 0;
  socklen_t length = sizeof error_number;
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error_number, &length) != 0) return errno;
  return error_number;
}

void set_option(int socket, int option, int value) {
  static_cast<void>(::setsockopt(socket, IPPROTO_TCP, option, &value, sizeof value));
}

}  // namespace

Connecting::Connecting(std::vector<HostPort> places, Limits limits)
    : limits_(limits), places_(places.begin(), places.end()) {}

std::optional<Connected> Connecting::advance(std::int64_t now_boot_ms) {
  while (true) {
    if (socket_.is_open()) {
      if (auto connected = look_at_socket(now_boot_ms)) return connected;
      if (socket_.is_open()) return std::nullopt;
    } else if (!addresses_.empty()) {
      begin_address(now_boot_ms);
    } else if (resolution_) {
      look_at_resolution(now_boot_ms);
      if (resolution_) return std::nullopt;
    } else if (!places_.empty()) {
      begin_place(now_boot_ms);
    } else {
      throw Error(ErrorCode::kUnavailable, "connect", subject_, why_);
    }
  }
}

int Connecting::descriptor() const {
  return resolution_ ? resolution_->descriptor() : socket_.number();
}

short Connecting::events() const { return resolution_ ? POLLIN : POLLOUT; }

std::optional<Connected> Connecting::look_at_socket(std::int64_t now_boot_ms) {
  const int state = state_of(socket_.number());
  if (state == 0) {
    set_tcp_limits(socket_.number(), limits_.silence_ms, limits_.unread);
    return Connected{std::move(socket_), place_, address_};
  }
  if (state == EINPROGRESS && now_boot_ms < deadline_boot_ms_) return std::nullopt;
  socket_.close();
  failed(address_, state != EINPROGRESS
                       ? text_of(state)
                       : "no answer within " +
                             format_duration(std::chrono::milliseconds{limits_.per_address_ms}));
  return std::nullopt;
}

void Connecting::look_at_resolution(std::int64_t now_boot_ms) {
  const std::optional<Resolved> found = resolution_->result();
  if (!found && now_boot_ms < deadline_boot_ms_) return;
  resolution_.reset();
  if (!found) {
    failed(place_.text(), "no name server answered");
  } else if (!found->why.empty()) {
    failed(place_.text(), found->why);
  } else {
    addresses_.assign(found->addresses.begin(), found->addresses.end());
  }
}

void Connecting::begin_address(std::int64_t now_boot_ms) {
  const SocketAddress address = addresses_.front();
  addresses_.pop_front();
  address_ = address.text();
  socket_ = Descriptor(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_.is_open()) {
    failed(address_, text_of(errno));
    return;
  }
  deadline_boot_ms_ = now_boot_ms + limits_.per_address_ms;
  if (::connect(socket_.number(), address.raw(), address.length()) == 0 || errno == EINPROGRESS) {
    return;
  }
  const int error_number = errno;
  socket_.close();
  failed(address_, text_of(error_number));
}

void Connecting::begin_place(std::int64_t now_boot_ms) {
  place_ = places_.front();
  places_.pop_front();
  const std::vector<SocketAddress> numbers = numeric_addresses(place_);
  addresses_.assign(numbers.begin(), numbers.end());
  if (!addresses_.empty()) return;
  resolution_.emplace(place_);
  deadline_boot_ms_ = now_boot_ms + limits_.per_address_ms;
}

// Of several places the first failure stands for all.
void Connecting::failed(const std::string& subject, const std::string& why) {
  if (!subject_.empty()) {
    why_ += "; " + subject + ": " + why;
    return;
  }
  subject_ = subject;
  why_ = why;
}

void set_tcp_limits(int socket, std::int64_t silence_ms, Unread unread) {
  int domain = 0;
  socklen_t length = sizeof domain;
  if (::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 || domain == AF_UNIX) {
    return;
  }
  constexpr int kOn = 1;
  static_cast<void>(::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &kOn, sizeof kOn));
  set_option(socket, TCP_NODELAY, kOn);
  // Half of the time without a word, then probes for the other half.
  const auto half_s = static_cast<int>(std::max<std::int64_t>(silence_ms / 2000, 1));
  set_option(socket, TCP_KEEPIDLE, half_s);
  set_option(socket, TCP_KEEPINTVL, std::max(half_s / kProbes, 1));
  set_option(socket, TCP_KEEPCNT, kProbes);
  if (unread == Unread::kGivenUp) {
    set_option(socket, TCP_USER_TIMEOUT,
               static_cast<int>(std::min<std::int64_t>(silence_ms, INT_MAX)));
  }
}

}  // namespace spoolmq::adapters

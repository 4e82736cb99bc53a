#include "adapters/listening.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "adapters/activation.h"
#include "adapters/resolution.h"
#include "adapters/unix_socket.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr int kBacklog = 1024;
constexpr int kResolveMs = 5000;
constexpr std::string_view kAnyPort = "0";

void refuse_exposed(const SocketAddress& address, const ListenPlace& place) {
  if (place.may_be_exposed || address.is_loopback()) return;
  throw Error(ErrorCode::kConfiguration, "listen", address.text(), kExposed);
}

Descriptor listen_to(const SocketAddress& address) {
  Descriptor made(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  constexpr int kOn = 1;
  const bool is_six = address.family() == AF_INET6;
  // A port that was ours a moment ago may be taken again; [::] is not 0.0.0.0 as well.
  if (!made.is_open() ||
      ::setsockopt(made.number(), SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn) != 0 ||
      (is_six && ::setsockopt(made.number(), IPPROTO_IPV6, IPV6_V6ONLY, &kOn, sizeof kOn) != 0) ||
      ::bind(made.number(), address.raw(), address.length()) != 0 ||
      ::listen(made.number(), kBacklog) != 0) {
    throw Error::from_errno(errno, "listen", address.text());
  }
  return made;
}

}  // namespace

std::string ListenPlace::text() const {
  if (!path.empty()) return path;
  return address ? address->text() : "activation:" + activation;
}

Listening::Listening(const ListenPlace& place) {
  if (!place.path.empty()) {
    listen_at_path(place);
  } else if (place.address) {
    listen_at_address(place);
  } else {
    sockets_ = activation_sockets(place.activation);
    for (const Descriptor& one : sockets_) {
      refuse_exposed(SocketAddress::of_socket(one.number()), place);
    }
  }
  tell(place);
}

Listening::~Listening() {
  if (!path_.empty() && !is_lost()) ::unlink(path_.c_str());
}

void Listening::listen_at_path(const ListenPlace& place) {
  sockets_.emplace_back(listen_at(place.path, place.mode, place.group));
  struct stat status {};
  if (::lstat(place.path.c_str(), &status) != 0) {
    throw Error::from_errno(errno, "listen", place.path);
  }
  path_ = place.path;
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

// A name such as localhost may stand for an address of each family.
void Listening::listen_at_address(const ListenPlace& place) {
  const std::vector<SocketAddress> addresses = resolve(*place.address, kResolveMs);
  for (const SocketAddress& one : addresses) refuse_exposed(one, place);
  for (const SocketAddress& one : addresses) {
    try {
      sockets_.push_back(listen_to(one));
    } catch (const Error& error) {
      // Of several, one whose family this machine has switched off is done without.
      const bool is_off =
          error.error_number() == EADDRNOTAVAIL || error.error_number() == EAFNOSUPPORT;
      if (!is_off || (&one == &addresses.back() && sockets_.empty())) throw;
    }
  }
}

// A port that the kernel chose is known to nobody who does not read it here.
void Listening::tell(const ListenPlace& place) const {
  const bool is_chosen = place.address && place.address->port == kAnyPort;
  for (const Descriptor& one : sockets_) {
    const std::string address = SocketAddress::of_socket(one.number()).text();
    if (is_chosen) {
      log::warn("listens on a port that the kernel chose", {{"address", address}});
    } else {
      log::info("listens", {{"address", address}});
    }
  }
}

std::optional<Descriptor> Listening::accept(std::size_t socket) const {
  while (true) {
    Descriptor accepted(
        ::accept4(sockets_[socket].number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted.is_open()) return accepted;
    // Failures of the one connection, not of the listening socket (accept(2)).
    constexpr std::array kOfTheConnection{EINTR,       ECONNABORTED, ENETDOWN, EPROTO,
                                          ENOPROTOOPT, EHOSTDOWN,    ENONET,   EHOSTUNREACH,
                                          EOPNOTSUPP,  ENETUNREACH};
    if (std::ranges::find(kOfTheConnection, errno) != kOfTheConnection.end()) continue;
    if (errno == EAGAIN) return std::nullopt;
    throw Error::from_errno(errno, "accept",
                            SocketAddress::of_socket(sockets_[socket].number()).text());
  }
}

bool Listening::is_lost() const {
  if (path_.empty()) return false;
  struct stat status {};
  return ::lstat(path_.c_str(), &status) != 0 || status.st_dev != device_ ||
         status.st_ino != inode_;
}

bool Listening::are_local() const {
  return std::ranges::all_of(sockets_, [](const Descriptor& one) {
    return SocketAddress::of_socket(one.number()).family() == AF_UNIX;
  });
}

}  // namespace spoolmq::adapters

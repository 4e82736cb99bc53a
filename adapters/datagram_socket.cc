#include "adapters/datagram_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "adapters/unix_place.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

Descriptor new_socket(int family) {
  Descriptor made(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.is_open()) throw Error::from_errno(errno, "make", "a socket");
  return made;
}

bool is_absent(int error_number) { return error_number == ECONNREFUSED || error_number == ENOENT; }

void remove_left_over(const std::string& path, const UnixPlace& place) {
  struct stat status {};
  if (::fstatat(place.directory(), place.name(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (!S_ISSOCK(status.st_mode)) {
    throw Error(ErrorCode::kConfiguration, "bind", path, "something that is no socket is there");
  }
  if (!is_absent(place.connect(new_socket(AF_UNIX).number()))) {
    throw Error(ErrorCode::kUnavailable, "bind", path, "another process has it");
  }
  ::unlinkat(place.directory(), place.name(), 0);
}

}  // namespace

Descriptor bind_unix_datagram(const std::string& path, std::uint32_t mode) {
  const UnixPlace place(path);
  if (place.error() != 0) throw Error::from_errno(place.error(), "bind", path);
  remove_left_over(path, place);
  Descriptor socket = new_socket(AF_UNIX);
  // Who sends without having been asked for who they are is nobody: before it can be reached.
  const int on = 1;
  ::setsockopt(socket.number(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  // bind(2) gives the name the socket's own mode less the umask: nobody ever finds it wider open.
  ::fchmod(socket.number(), mode);
  if (const int error_number = place.bind(socket.number()); error_number != 0) {
    throw Error::from_errno(error_number, "bind", path);
  }
  if (::fchmodat(place.directory(), place.name(), mode, 0) != 0) {
    throw Error::from_errno(errno, "bind", path);
  }
  return socket;
}

Descriptor connect_unix_datagram(const std::string& path) {
  const UnixPlace place(path);
  Descriptor socket = new_socket(AF_UNIX);
  const sockaddr_un unnamed{AF_UNIX, {}};  // unix(7), "Autobind feature"
  if (::bind(socket.number(), reinterpret_cast<const sockaddr*>(&unnamed),
             sizeof unnamed.sun_family) != 0) {
    throw Error::from_errno(errno, "make", "an address");
  }
  const int error_number = place.error() != 0 ? place.error() : place.connect(socket.number());
  if (is_absent(error_number)) {
    throw Error(ErrorCode::kUnavailable, "connect", path, "nobody receives there");
  }
  if (error_number == EPROTOTYPE) {
    throw Error(ErrorCode::kConfiguration, "connect", path, "it is no socket of datagrams");
  }
  if (error_number != 0) throw Error::from_errno(error_number, "connect", path);
  return socket;
}

Descriptor bind_udp(const DatagramAddress& address) {
  Descriptor socket = new_socket(address.family());
  const int on = 1;
  ::setsockopt(socket.number(), SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
  if (::bind(socket.number(), address.get(), address.length) != 0) {
    if (errno == EADDRINUSE) {
      throw Error(ErrorCode::kUnavailable, "bind", address.text(), "another process has it");
    }
    throw Error::from_errno(errno, "bind", address.text());
  }
  return socket;
}

Descriptor connect_udp(const DatagramAddress& address) {
  Descriptor socket = new_socket(address.family());
  if (::connect(socket.number(), address.get(), address.length) != 0) {
    throw Error(ErrorCode::kUnavailable, "connect", address.text(), std::strerror(errno));
  }
  return socket;
}

std::size_t set_receive_buffer(const Descriptor& socket, std::size_t bytes) {
  const int wanted =
      static_cast<int>(std::min<std::size_t>(bytes, std::numeric_limits<int>::max()));
  if (::setsockopt(socket.number(), SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0) {
    ::setsockopt(socket.number(), SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  }
  int doubled = 0;  // socket(7): for bookkeeping
  socklen_t length = sizeof doubled;
  ::getsockopt(socket.number(), SOL_SOCKET, SO_RCVBUF, &doubled, &length);
  return static_cast<std::size_t>(doubled) / 2;
}

}  // namespace spoolmq::adapters

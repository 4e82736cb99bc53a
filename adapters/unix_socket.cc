#include "adapters/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>

#include "adapters/descriptor.h"
#include "adapters/unix_place.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr int kBacklog = 1024;  // who connects there waits without us; so do 1,000 at a time
constexpr gid_t kSameGroup = static_cast<gid_t>(-1);

timeval as_timeval(std::chrono::milliseconds duration) {
  return {duration.count() / 1000, duration.count() % 1000 * 1000};
}

int new_socket(int flags) {
  const int made = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (made < 0) throw Error::from_errno(errno, "make", "a socket");
  return made;
}

void remove_left_over(const std::string& path, const UnixPlace& place) {
  struct stat status {};
  if (::fstatat(place.directory(), place.name(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (!S_ISSOCK(status.st_mode)) {
    throw Error(ErrorCode::kCannotCreate, "listen", path, "something that is no socket is there");
  }
  const Descriptor probe(new_socket(SOCK_NONBLOCK));
  const int error_number = place.connect(probe.number());
  if (error_number != ECONNREFUSED && error_number != ENOENT) {
    throw Error(ErrorCode::kUnavailable, "listen", path, "another process listens there");
  }
  if (::unlinkat(place.directory(), place.name(), 0) != 0 && errno != ENOENT) {
    throw Error::from_errno(errno, "remove what a dead process left", path);
  }
}

}  // namespace

int listen_at(const std::string& path, std::uint32_t mode, std::optional<gid_t> group) {
  const UnixPlace place(path);
  if (place.error() != 0) throw Error::from_errno(place.error(), "listen", path);
  remove_left_over(path, place);
  Descriptor socket(new_socket(SOCK_NONBLOCK));
  // bind(2) gives the name the socket's own mode less the umask: nobody ever finds it wider open.
  ::fchmod(socket.number(), mode);
  if (place.bind(socket.number()) != 0 ||
      ::fchownat(place.directory(), place.name(), static_cast<uid_t>(-1),
                 group.value_or(kSameGroup), AT_SYMLINK_NOFOLLOW) != 0 ||
      ::fchmodat(place.directory(), place.name(), mode, 0) != 0 ||
      ::listen(socket.number(), kBacklog) != 0) {
    throw Error::from_errno(errno, "listen", path);
  }
  return socket.release();
}

std::optional<int> connect_to(const std::string& path, std::chrono::milliseconds patience) {
  const UnixPlace place(path);
  if (place.error() == ENOENT) return std::nullopt;
  if (place.error() != 0) throw Error::from_errno(place.error(), "connect", path);
  Descriptor socket(new_socket(0));
  // For as long connect(2) waits for its turn where many others want to be answered.
  const timeval limit = as_timeval(patience);
  ::setsockopt(socket.number(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const int error_number = place.connect(socket.number());
  if (error_number == ECONNREFUSED || error_number == ENOENT) return std::nullopt;
  if (error_number == EAGAIN) {
    throw Error(ErrorCode::kUnavailable, "connect", path, "too many others wait to be answered");
  }
  if (error_number != 0) throw Error::from_errno(error_number, "connect", path);
  if (::fcntl(socket.number(), F_SETFL, O_NONBLOCK) != 0) {
    throw Error::from_errno(errno, "connect", path);
  }
  return socket.release();
}

}  // namespace spoolmq::adapters

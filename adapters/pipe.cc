#include "adapters/pipe.h"

#include <fcntl.h>

#include <cerrno>

#include "spoolmq/error.h"

namespace spoolmq::adapters {

Pipe::Pipe(Ours what) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error::from_errno(errno, "make", "pipe");
  ours = Descriptor(ends[what == Ours::kReads ? 0 : 1]);
  theirs = Descriptor(ends[what == Ours::kReads ? 1 : 0]);
  if (::fcntl(ours.number(), F_SETFL, O_NONBLOCK) != 0) {
    throw Error::from_errno(errno, "make", "pipe");
  }
}

std::optional<std::size_t> read_some(const Descriptor& from, std::span<char> into) {
  while (true) {
    const ssize_t count = ::read(from.number(), into.data(), into.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EAGAIN) return std::nullopt;
    if (errno == EIO) return 0;
    if (errno != EINTR) throw Error::from_errno(errno, "read", "pipe");
  }
}

bool write_some(const Descriptor& to, std::string_view& bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(to.number(), bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      return true;
    } else if (errno == EPIPE || errno == EIO) {
      return false;
    } else if (errno != EINTR) {
      throw Error::from_errno(errno, "write", "pipe");
    }
  }
  return true;
}

}  // namespace spoolmq::adapters

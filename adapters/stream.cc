#include "adapters/stream.h"

#include <sys/socket.h>

#include <cerrno>

namespace spoolmq::adapters {

// That there is nobody any more to tell it to, the next read finds out.
void Stream::shut() const { static_cast<void>(::shutdown(descriptor(), SHUT_WR)); }

Transfer Stream::discard_some(std::span<char> buffer) const {
  while (true) {
    const ssize_t got = ::recv(descriptor(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    const auto bytes = static_cast<std::size_t>(got);
    if (got > 0) return {Moved::kDone, bytes, bytes < buffer.size()};
    if (got == 0) return {Moved::kEnd};
    if (errno != EINTR) return {errno == EAGAIN ? Moved::kLater : Moved::kFailed};
  }
}

}  // namespace spoolmq::adapters

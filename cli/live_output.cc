#include "cli/live_output.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>

#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr std::size_t kBufferBytes = 64 << 10;

// Not from_errno: a full disk behind stdout does not mean that nothing was accepted here.
[[noreturn]] void refuse() {
  throw Error(ErrorCode::kIo, "write", "stdout", std::generic_category().message(errno));
}

}  // namespace

void LiveOutput::put(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kBufferBytes) flush();
  if (bytes.size() >= kBufferBytes) {
    write(bytes);
  } else {
    buffer_.append(bytes);
  }
}

void LiveOutput::flush() {
  write(buffer_);
  buffer_.clear();
}

bool LiveOutput::ask_reader() {
  // Of a pipe or socket: POLLERR and POLLHUP are told unasked (poll(2)).
  pollfd asked{descriptor_, 0, 0};
  if (::poll(&asked, 1, 0) > 0 && (asked.revents & (POLLERR | POLLHUP)) != 0) over_ = true;
  return over_;
}

// A pipe that is ready takes at least PIPE_BUF bytes without blocking (pipe(7)).
LiveOutput::Ready LiveOutput::wait() {
  std::array<pollfd, 2> waited{{{descriptor_, POLLOUT, 0}, {stop_, POLLIN, 0}}};
  while (::poll(waited.data(), waited.size(), -1) < 0) {
    if (errno != EINTR) refuse();
  }
  return waited[0].revents == 0 ? Ready::kOver : Ready::kYes;
}

void LiveOutput::write(std::string_view bytes) {
  while (!bytes.empty() && !over_) {
    if (wait() == Ready::kOver) {
      over_ = true;
      return;
    }
    const ssize_t written =
        ::write(descriptor_, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      over_ = true;
    } else if (errno != EINTR && errno != EAGAIN) {
      refuse();
    }
  }
}

}  // namespace spoolmq::cli

#include "adapters/tail_pipe.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "spoolmq/error.h"

namespace spoolmq::adapters {

bool TailPipe::close() {
  end_.close();
  return cursor_.cut();
}

// SIGPIPE is ignored in every process of ours (main.cc).
TailPipe::Reader TailPipe::write(const std::string& subject) {
  while (!cursor_.is_done()) {
    const std::string_view rest = cursor_.rest();
    const ssize_t written = ::write(end_.number(), rest.data(), rest.size());
    if (written >= 0) {
      cursor_.wrote(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      break;
    } else if (errno == EPIPE) {
      return Reader::kGone;
    } else if (errno != EINTR) {
      throw Error::from_errno(errno, "write", subject);
    }
  }
  return Reader::kThere;
}

void TailPipe::wait(int other, Milliseconds longest) const {
  std::array<pollfd, 2> waited{{{end_.number(), POLLOUT, 0}, {other, POLLIN, 0}}};
  if (cursor_.is_done()) waited[0].fd = -1;
  static_cast<void>(::poll(waited.data(), waited.size(), static_cast<int>(longest.count())));
}

}  // namespace spoolmq::adapters

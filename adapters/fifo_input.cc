#include "adapters/fifo_input.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kBufferBytes = 64 << 10;

}  // namespace

short FifoInput::look() const {
  pollfd one{end_.number(), POLLIN, 0};
  return ::poll(&one, 1, 0) > 0 ? one.revents : short{0};
}

bool FifoInput::has_bytes() const { return (look() & POLLIN) != 0; }

void FifoInput::forget_ended() {
  if ((look() & (POLLIN | POLLHUP)) == POLLHUP) end_ = file_.open_reader();
}

FifoInput::Got FifoInput::read(std::string_view& bytes) {
  const short events = look();
  if ((events & POLLIN) != 0) {
    const std::size_t got = read_into_buffer(kBufferBytes);
    if (got > 0) {
      bytes = {buffer_.data(), got};
      return Got::kBytes;
    }
  }
  // Hung up and empty in one look: a moment without any writer, whoever has come since.
  if ((events & POLLHUP) == 0 || (events & POLLIN) != 0) return Got::kNothing;
  end_ = file_.open_reader();
  return Got::kEnded;
}

// 0: nothing is there at the moment.
std::size_t FifoInput::read_into_buffer(std::size_t most) {
  buffer_.resize(kBufferBytes);
  while (true) {
    const ssize_t got = ::read(end_.number(), buffer_.data(), std::min(most, kBufferBytes));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) throw Error::from_errno(errno, "read", file_.path());
  }
}

void FifoInput::break_off() {
  std::optional<Descriptor> writer = file_.open_writer();  // we read it ourselves
  if (!writer) throw Error(ErrorCode::kIo, "close", file_.path(), "it has lost its reader");
  stopper_ = std::move(*writer);
  end_.close();
  to_skip_ = unread_bytes(stopper_.number());  // final: without a reader nobody can add to them
}

void FifoInput::resume() {
  end_ = file_.open_reader();
  while (to_skip_ > 0) {
    const std::size_t got = read_into_buffer(to_skip_);
    if (got == 0) break;
    to_skip_ -= got;
  }
  stopper_.close();
}

}  // namespace spoolmq::adapters

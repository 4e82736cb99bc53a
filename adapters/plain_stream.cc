#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "adapters/stream.h"

namespace spoolmq::adapters {
namespace {

class PlainStream final : public Stream {
 public:
  using Stream::Stream;

  Moved open() override { return Moved::kDone; }

  Transfer read_some(std::span<char> into) override {
    while (true) {
      const ssize_t got = ::recv(descriptor(), into.data(), into.size(), MSG_DONTWAIT);
      const auto bytes = static_cast<std::size_t>(got);
      if (got > 0) return {Moved::kDone, bytes, bytes < into.size()};
      if (got == 0) return {Moved::kEnd};
      if (errno != EINTR) return {refused()};
    }
  }

  Transfer write_some(std::string_view bytes) override {
    while (true) {
      const ssize_t taken =
          ::send(descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (taken >= 0) return {Moved::kDone, static_cast<std::size_t>(taken)};
      if (errno != EINTR) return {refused()};
    }
  }

  Moved finish_writing() override {
    return ::shutdown(descriptor(), SHUT_WR) == 0 ? Moved::kDone : refused();
  }

  [[nodiscard]] short events(Direction direction) const override {
    return direction == Direction::kRead ? POLLIN : POLLOUT;
  }

 private:
  Moved refused() {
    if (errno == EAGAIN) return Moved::kLater;
    return failed(std::generic_category().message(errno));
  }
};

}  // namespace

std::unique_ptr<Stream> plain_stream(Descriptor socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace spoolmq::adapters

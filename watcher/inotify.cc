#include "watcher/inotify.h"

#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "spoolmq/error.h"

namespace spoolmq::watcher {

// ---- Events

std::optional<InotifyEvent> InotifyEvents::next() {
  struct inotify_event head {};
  if (rest_.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, rest_.data(), sizeof head);
  const auto after = rest_.subspan(sizeof head);
  if (after.size() < head.len) {
    rest_ = {};
    return std::nullopt;
  }
  rest_ = after.subspan(head.len);
  const std::string_view padded(reinterpret_cast<const char*>(after.data()), head.len);
  return InotifyEvent{head.wd, head.mask, head.cookie, padded.substr(0, padded.find('\0'))};
}

// ---- The descriptor

std::variant<Inotify, WatchRefused> Inotify::open() {
  const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (descriptor < 0) return WatchRefused{errno};
  return Inotify(descriptor);
}

Inotify::Inotify(int descriptor) : descriptor_(descriptor), buffer_(kBufferBytes) {}

Inotify::Inotify(Inotify&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), buffer_(std::move(other.buffer_)) {}

Inotify::~Inotify() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::variant<int, WatchRefused> Inotify::add(int directory, std::uint32_t mask) {
  // inotify knows paths only; this one leads to the open directory and nowhere else (proc(5)).
  const std::string path = "/proc/self/fd/" + std::to_string(directory);
  const int watch = ::inotify_add_watch(descriptor_, path.c_str(), mask);
  if (watch < 0) return WatchRefused{errno};
  return watch;
}

void Inotify::remove(int watch) { ::inotify_rm_watch(descriptor_, watch); }

bool Inotify::has_events() const {
  int bytes = 0;
  return ::ioctl(descriptor_, FIONREAD, &bytes) == 0 && bytes > 0;
}

InotifyEvents Inotify::read() {
  const ssize_t got = ::read(descriptor_, buffer_.data(), buffer_.size());
  if (got >= 0) return InotifyEvents({buffer_.data(), static_cast<std::size_t>(got)});
  if (errno == EAGAIN || errno == EINTR) return InotifyEvents({});
  throw Error::from_errno(errno, "read", "inotify");
}

}  // namespace spoolmq::watcher

#pragma once
// inotify(7): one descriptor, its watches by number, its events decoded. Move-only; what the kernel
// refuses for want of a limit is a value, for there is another way (rescans). Not thread-safe.
//
//   struct inotify_event { int wd; uint32_t mask, cookie, len; char name[len]; }   NUL-padded name
//
// The kernel gives numbers in turn and does not soon give one again, so an event that was queued
// before its watch was removed names a number nobody uses.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace spoolmq::watcher {

struct InotifyEvent {
  int watch = -1;  // -1: the queue overflowed (IN_Q_OVERFLOW)
  std::uint32_t mask = 0;
  std::uint32_t cookie = 0;  // joins IN_MOVED_FROM and IN_MOVED_TO of one rename
  std::string_view name;     // bytes; empty for the directory itself; valid as long as the buffer
};

// Walks the events of one read(2). Ends early where the rest is no whole event.
class InotifyEvents {
 public:
  explicit InotifyEvents(std::span<const std::byte> buffer) : rest_(buffer) {}
  std::optional<InotifyEvent> next();

 private:
  std::span<const std::byte> rest_;
};

struct WatchRefused {
  int error_number = 0;
};

class Inotify {
 public:
  // 4096 of the smallest events, 240 of the largest.
  static constexpr std::size_t kBufferBytes = 64 * 1024;

  // Refused: EMFILE (fs.inotify.max_user_instances, or this process's descriptors), ENFILE, ENOMEM.
  static std::variant<Inotify, WatchRefused> open();

  Inotify(Inotify&& other) noexcept;
  Inotify& operator=(Inotify&&) = delete;
  ~Inotify();

  // Watches the very directory that `directory` is open on, whatever its path names by now. A
  // directory that is watched already keeps its number. Refused: ENOSPC
  // (fs.inotify.max_user_watches), EACCES (not readable), and others.
  std::variant<int, WatchRefused> add(int directory, std::uint32_t mask);
  // The kernel may have removed it already. What it still has queued comes, and an IN_IGNORED.
  void remove(int watch);

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] bool has_events() const;
  // One read(2), kBufferBytes at most; nothing where no event waits. Valid until the next call.
  // Throws Error.
  InotifyEvents read();

 private:
  explicit Inotify(int descriptor);

  int descriptor_;
  std::vector<std::byte> buffer_;
};

}  // namespace spoolmq::watcher

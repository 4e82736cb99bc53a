#pragma once
// A directory of the real file system, a watcher with a clock that stands still, and what it said.
// The kernel queues its events before the call that caused them returns, so nothing here waits.

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "core/clock.h"
#include "watcher/directory_watcher.h"
#include "watcher/watch_table.h"

namespace spoolmq::watcher {

std::ostream& operator<<(std::ostream& out, const Hint& hint);

}  // namespace spoolmq::watcher

namespace spoolmq::watcher::test {

class StillClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override { return now; }
  [[nodiscard]] std::int64_t boot_ms() const override { return now; }
  [[nodiscard]] std::string boot_id() const override { return std::string(36, 'b'); }
  std::int64_t now = 1'000'000;
};

using Hints = std::vector<Hint>;

inline Hint look() { return {Hint::Kind::kLook, {}}; }
inline Hint appeared(std::string name) { return {Hint::Kind::kAppeared, std::move(name)}; }
inline Hint modified(std::string name) { return {Hint::Kind::kModified, std::move(name)}; }
inline Hint closed(std::string name) { return {Hint::Kind::kClosed, std::move(name)}; }
inline Hint gone(std::string name) { return {Hint::Kind::kGone, std::move(name)}; }

class WatchWorld {
 public:
  explicit WatchWorld(const InotifyReach& reach = {});
  explicit WatchWorld(const std::string& under);  // a directory there, not in $TMPDIR
  WatchWorld(const WatchWorld&) = delete;
  WatchWorld& operator=(const WatchWorld&) = delete;
  ~WatchWorld();

  // Paths are relative to the world's directory.
  [[nodiscard]] std::string path(const std::string& name) const { return top_ + "/" + name; }
  void make_dir(const std::string& name) const;
  void write(const std::string& name) const;       // opened, written to, closed
  void make_empty(const std::string& name) const;  // created, nothing more
  void set_mode(const std::string& name, unsigned mode) const;
  void rename(const std::string& from, const std::string& to) const;
  void link_to(const std::string& target, const std::string& name) const;  // symbolic
  void remove(const std::string& name) const;                              // with what is below
  // Fills the kernel's queue; each event is about one of two files in `directory`.
  void overflow(const std::string& directory) const;
  void touch_in_turn(const std::string& directory, int events) const;

  // Watches, and notes what comes in `into`.
  DirectoryWatcher::Token watch(const std::string& name, Hints& into, std::size_t depth = 0);
  // Calls process() for as long as it is due now.
  void settle();
  void pass(std::chrono::milliseconds time);  // and settles
  // What came since the last call.
  static Hints take(Hints& hints);

  StillClock clock;
  DirectoryWatcher watcher;

 private:
  WatchWorld(const InotifyReach& reach, const std::string& under);

  std::string top_;
};

}  // namespace spoolmq::watcher::test

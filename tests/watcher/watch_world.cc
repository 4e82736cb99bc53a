#include "tests/watcher/watch_world.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

namespace spoolmq::watcher {

std::ostream& operator<<(std::ostream& out, const Hint& hint) {
  constexpr const char* kKinds[] = {"look", "appeared", "modified", "closed", "gone"};
  return out << kKinds[static_cast<std::size_t>(hint.kind)] << "(" << hint.name << ")";
}

}  // namespace spoolmq::watcher

namespace spoolmq::watcher::test {
namespace {

std::string make_top(const std::string& under) {
  std::string name = under + "/watch-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  return name;
}

}  // namespace

WatchWorld::WatchWorld(const InotifyReach& reach)
    : WatchWorld(reach, std::filesystem::temp_directory_path().string()) {}
WatchWorld::WatchWorld(const std::string& under) : WatchWorld(InotifyReach{}, under) {}
WatchWorld::WatchWorld(const InotifyReach& reach, const std::string& under)
    : watcher(clock, reach), top_(make_top(under)) {}
WatchWorld::~WatchWorld() {
  std::error_code ignored;
  std::filesystem::remove_all(top_, ignored);
}

// ---- What other programs do

void WatchWorld::make_dir(const std::string& name) const {
  ASSERT_EQ(::mkdir(path(name).c_str(), 0755), 0) << name;
}
void WatchWorld::write(const std::string& name) const { std::ofstream(path(name)) << "bytes"; }
void WatchWorld::make_empty(const std::string& name) const {
  ASSERT_EQ(::mknod(path(name).c_str(), S_IFREG | 0644, 0), 0) << name;
}
void WatchWorld::set_mode(const std::string& name, unsigned mode) const {
  ASSERT_EQ(::chmod(path(name).c_str(), mode), 0) << name;
}
void WatchWorld::rename(const std::string& from, const std::string& to) const {
  ASSERT_EQ(::rename(path(from).c_str(), path(to).c_str()), 0) << from << " " << to;
}
void WatchWorld::link_to(const std::string& target, const std::string& name) const {
  ASSERT_EQ(::symlink(target.c_str(), path(name).c_str()), 0) << name;
}
void WatchWorld::remove(const std::string& name) const {
  ASSERT_GT(std::filesystem::remove_all(path(name)), 0U) << name;
}

void WatchWorld::touch_in_turn(const std::string& directory, int events) const {
  // Two, for the kernel makes one of equal neighbours.
  const std::string files[] = {path(directory + "/touched-1"), path(directory + "/touched-2")};
  for (const auto& file : files) {
    if (::mknod(file.c_str(), S_IFREG | 0644, 0) == 0) --events;
  }
  for (int i = 0; i < events; ++i) ASSERT_EQ(::chmod(files[i % 2].c_str(), 0644), 0);
}

void WatchWorld::overflow(const std::string& directory) const {
  int limit = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
  ASSERT_GT(limit, 0);
  touch_in_turn(directory, limit + 10);
}

// ---- The watcher

DirectoryWatcher::Token WatchWorld::watch(const std::string& name, Hints& into, std::size_t depth) {
  return watcher.watch({.path = path(name), .depth = depth},
                       [&into](const Hint& hint) { into.push_back(hint); });
}

void WatchWorld::settle() {
  for (int turns = 0; watcher.next_due_boot_ms() <= clock.now; ++turns) {
    ASSERT_LT(turns, 10'000) << "it never settles";
    watcher.process();
  }
}

void WatchWorld::pass(std::chrono::milliseconds time) {
  clock.now += time.count();
  settle();
}

Hints WatchWorld::take(Hints& hints) {
  Hints taken = std::exchange(hints, {});
  for (Hint& hint : taken) hint.rename = 0;  // whatever number the kernel chose
  return taken;
}

}  // namespace spoolmq::watcher::test

// Watches whose directory comes, goes, and is replaced; and watches that inotify does not serve.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "tests/watcher/watch_world.h"

namespace spoolmq::watcher::test {
namespace {

using namespace std::chrono_literals;

// ---- The directory behind the path

TEST(WatchPlace, IsFoundWhenItComes) {
  WatchWorld world;
  Hints hints;
  world.watch("later/in", hints);
  EXPECT_EQ(world.take(hints), Hints{look()});
  world.pass(1s);
  EXPECT_EQ(hints, Hints{});
  world.make_dir("later");
  world.write("later/in");  // no directory
  world.pass(1s);
  EXPECT_EQ(hints, Hints{});
  world.remove("later/in");
  world.make_dir("later/in");
  world.pass(1s);
  EXPECT_EQ(world.take(hints), Hints{look()});
  world.make_empty("later/in/a");
  world.settle();
  EXPECT_EQ(hints, Hints{appeared("a")});
}

TEST(WatchPlace, IsFollowedWhenItWasRemovedAndMadeAgain) {
  WatchWorld world;
  Hints hints;
  world.make_dir("in");
  world.watch("in", hints);
  world.take(hints);
  world.remove("in");
  world.settle();
  EXPECT_EQ(world.take(hints), Hints{look()}) << "it has gone";
  world.make_dir("in");  // gets the inode of the old one on many file systems
  world.pass(1s);
  EXPECT_EQ(world.take(hints), Hints{look()}) << "it is there again";
  world.make_empty("in/a");
  world.settle();
  EXPECT_EQ(world.take(hints), Hints{appeared("a")});

  world.remove("in");
  world.make_dir("in");  // before we could see that it had gone
  world.settle();
  EXPECT_EQ(std::ranges::count(world.take(hints), look()), 1);
  world.make_empty("in/b");
  world.settle();
  EXPECT_EQ(hints, Hints{appeared("b")});
}

TEST(WatchPlace, IsFollowedWhileSomebodyKeepsTheOldOneOpen) {
  WatchWorld world;
  Hints hints;
  world.make_dir("in");
  const int held = ::open(world.path("in").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  world.watch("in", hints);
  world.take(hints);
  world.remove("in");
  world.make_dir("in");
  world.pass(1s);
  EXPECT_EQ(world.take(hints), Hints{look()});
  world.make_empty("in/a");
  world.settle();
  EXPECT_EQ(hints, Hints{appeared("a")});
  ::close(held);
}

TEST(WatchPlace, IsFollowedWhenItWasMovedAwayAndReplaced) {
  WatchWorld world;
  Hints hints;
  world.make_dir("in");
  world.make_dir("next");
  world.watch("in", hints);
  world.take(hints);
  world.rename("in", "old");
  world.rename("next", "in");
  world.settle();
  EXPECT_EQ(world.take(hints), Hints{look()}) << "at once";
  world.make_empty("old/not-this");
  world.make_empty("in/this");
  world.settle();
  EXPECT_EQ(world.take(hints), Hints{appeared("this")});
  world.rename("in", "away");
  world.rename("away", "in");
  world.settle();
  EXPECT_EQ(world.take(hints), Hints{look()});
  world.make_empty("in/that");
  world.settle();
  EXPECT_EQ(hints, Hints{appeared("that")});
}

TEST(WatchPlace, IsFollowedThroughALinkAndARenamedParent) {
  WatchWorld world;
  Hints linked;
  Hints below;
  for (const char* name : {"one", "two", "parent", "parent/in", "other", "other/in"}) {
    world.make_dir(name);
  }
  world.link_to("one", "link");
  world.watch("link", linked);
  world.watch("parent/in", below);
  world.take(linked);
  world.take(below);
  world.link_to("two", "new-link");
  world.rename("new-link", "link");
  world.rename("parent", "gone");
  world.rename("other", "parent");
  world.pass(1s);
  EXPECT_EQ(world.take(linked), Hints{look()});
  EXPECT_EQ(world.take(below), Hints{look()});
  world.make_empty("two/a");
  world.make_empty("parent/in/b");
  world.settle();
  EXPECT_EQ(linked, Hints{appeared("a")});
  EXPECT_EQ(below, Hints{appeared("b")});
}

class Mounted {
 public:
  explicit Mounted(std::string path) : path_(std::move(path)) {
    is_ = ::mount("none", path_.c_str(), "tmpfs", 0, "size=1m") == 0;
  }
  Mounted(const Mounted&) = delete;
  Mounted& operator=(const Mounted&) = delete;
  ~Mounted() { end(); }
  void end() {
    if (std::exchange(is_, false)) {
      EXPECT_EQ(::umount2(path_.c_str(), 0), 0);
    }
  }
  explicit operator bool() const { return is_; }

 private:
  std::string path_;
  bool is_ = false;
};

TEST(WatchPlace, IsFollowedWhenItIsUnmounted) {
  WatchWorld world;
  Hints top;
  Hints deep;
  world.make_dir("in");
  Mounted mounted(world.path("in"));
  if (!mounted) GTEST_SKIP() << "mounting needs the superuser";
  world.watch("in", top);
  world.watch("", deep, 1);
  world.settle();
  world.take(top);
  world.take(deep);
  world.make_empty("in/a");
  world.settle();
  EXPECT_EQ(world.take(top), Hints{appeared("a")});
  EXPECT_EQ(world.take(deep), Hints{appeared("in/a")});
  mounted.end();
  world.settle();
  EXPECT_EQ(world.take(top), Hints{look()});
  EXPECT_GE(std::ranges::count(world.take(deep), look()), 1);
  world.make_empty("in/b");
  world.settle();
  EXPECT_EQ(world.take(top), Hints{appeared("b")});
  EXPECT_EQ(world.take(deep), Hints{appeared("in/b")});
}

TEST(WatchPlace, IsFollowedWhenAnotherIsMountedOverIt) {
  WatchWorld world;
  Hints hints;
  world.make_dir("in");
  world.watch("in", hints);
  world.take(hints);
  const Mounted mounted(world.path("in"));
  if (!mounted) GTEST_SKIP() << "mounting needs the superuser";
  world.pass(1s);
  EXPECT_EQ(world.take(hints), Hints{look()});
  world.make_empty("in/a");
  world.settle();
  EXPECT_EQ(hints, Hints{appeared("a")});
}

// ---- Blind

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(BlindWatch, LooksOftenWithoutInotifyAndSaysSoOnce) {
  WatchWorld world(InotifyReach{.max_watches = 0});
  Hints hints;
  world.make_dir("in");
  ::testing::internal::CaptureStderr();
  world.watch("in", hints, 3);
  EXPECT_EQ(world.watcher.descriptor(), -1);
  world.make_empty("in/a");
  for (int second = 0; second < 60; ++second) world.pass(1s);
  const auto log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(hints, Hints(1 + 30, look()));
  EXPECT_EQ(count(log, "changes are found by looking alone"), 1) << log;
  world.remove("in");
  world.take(hints);
  world.pass(1s);
  EXPECT_EQ(world.take(hints), Hints{look()}) << "it has gone";
}

TEST(BlindWatch, NamesTheLimitOfInstances) {
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const StillClock clock;
  const struct rlimit none { 3, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  std::optional<DirectoryWatcher> watcher;
  watcher.emplace(clock);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ::testing::internal::CaptureStderr();
  watcher->watch({.path = "/"}, [](const Hint&) {});
  const auto log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(count(log, "fs.inotify.max_user_instances"), 1) << log;
}

TEST(BlindWatch, NamesTheLimitOfWatchesAndSeesAgainWhenThereAreSome) {
  WatchWorld world(InotifyReach{.max_watches = 1});
  Hints seeing;
  Hints blind;
  world.make_dir("in");
  world.make_dir("other");
  const auto token = world.watch("in", seeing);
  ::testing::internal::CaptureStderr();
  world.watch("other", blind);
  for (int second = 0; second < 10; ++second) world.pass(1s);
  const auto log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(count(log, "fs.inotify.max_user_watches"), 1) << log;
  EXPECT_EQ(world.take(seeing), Hints{look()});
  EXPECT_EQ(world.take(blind), Hints(1 + 5, look()));
  world.make_empty("in/a");
  world.make_empty("other/b");
  world.settle();
  EXPECT_EQ(seeing, Hints{appeared("a")}) << "the first is served as before";
  EXPECT_EQ(blind, Hints{});

  world.watcher.forget(token);
  for (int second = 0; second < 30; ++second) world.pass(1s);
  world.take(blind);
  world.make_empty("other/c");
  world.settle();
  EXPECT_EQ(world.take(blind), Hints{appeared("c")});
  for (int second = 0; second < 30; ++second) world.pass(1s);
  EXPECT_LE(blind.size(), 2U) << "and looks no oftener than others";
}

TEST(BlindWatch, IsATreeOfWhichOnePartCannotBeWatched) {
  WatchWorld world(InotifyReach{.max_watches = 2});
  Hints hints;
  for (const char* name : {"in", "in/1", "in/2", "in/3"}) world.make_dir(name);
  ::testing::internal::CaptureStderr();
  world.watch("in", hints, 1);
  world.settle();
  world.take(hints);
  for (int second = 0; second < 10; ++second) world.pass(1s);
  const auto log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(count(log, "fs.inotify.max_user_watches"), 1) << log;
  EXPECT_EQ(world.take(hints), Hints(5, look()));
  world.make_empty("in/a");
  world.settle();
  EXPECT_EQ(hints, Hints{appeared("a")}) << "what can be seen is seen";
}

TEST(BlindWatch, HearsThisMachineOnAFileSystemThatOthersChange) {
  WatchWorld world({.is_changed_unseen = [](std::int64_t) { return true; }});
  Hints hints;
  world.make_dir("in");
  ::testing::internal::CaptureStderr();
  world.watch("in", hints);
  world.make_empty("in/a");
  world.settle();
  EXPECT_EQ(world.take(hints), (Hints{look(), appeared("a")}));
  for (int second = 0; second < 60; ++second) world.pass(1s);
  const auto log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(hints, Hints(30, look()));
  EXPECT_EQ(count(log, "without a word to inotify"), 1) << log;
}

}  // namespace
}  // namespace spoolmq::watcher::test

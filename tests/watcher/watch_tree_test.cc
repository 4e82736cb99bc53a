// Watches that reach below their directory.
#include "watcher/watch_tree.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/watcher/watch_world.h"

namespace spoolmq::watcher::test {
namespace {

using namespace std::chrono_literals;

// The names that appeared, in order.
std::vector<std::string> appeared_in(const Hints& hints) {
  std::vector<std::string> names;
  for (const Hint& hint : hints) {
    if (hint.kind == Hint::Kind::kAppeared) names.push_back(hint.name);
  }
  std::ranges::sort(names);
  return names;
}
using Names = std::vector<std::string>;

TEST(WatchTree, HintsToItsDepthAndNoFurther) {
  WatchWorld world;
  Hints flat;
  Hints two;
  for (const char* name : {"in", "in/1", "in/1/2", "in/1/2/3"}) world.make_dir(name);
  world.watch("in", flat);
  world.watch("in", two, 2);
  world.settle();
  EXPECT_EQ(world.take(flat), Hints{look()});
  EXPECT_EQ(world.take(two), Hints(2, look())) << "before and after the directories were watched";
  for (const char* name : {"in/a", "in/1/b", "in/1/2/c", "in/1/2/3/d"}) world.make_empty(name);
  world.settle();
  EXPECT_EQ(world.take(flat), Hints{appeared("a")});
  EXPECT_EQ(world.take(two), (Hints{appeared("a"), appeared("1/b"), appeared("1/2/c")}));
  world.make_dir("in/1/2/4");
  world.make_empty("in/1/2/4/e");
  world.settle();
  EXPECT_EQ(two, Hints{});
}

TEST(WatchTree, AnnouncesWhatCameBeforeTheWatch) {
  WatchWorld world;
  Hints hints;
  world.make_dir("in");
  world.watch("in", hints, 2);
  world.settle();
  world.take(hints);
  for (const char* name : {"in/1", "in/1/2", "in/1/2/3"}) world.make_dir(name);
  for (const char* name : {"in/1/a", "in/1/2/b", "in/1/2/3/c"}) world.make_empty(name);
  world.settle();
  EXPECT_EQ(appeared_in(world.take(hints)), (Names{"1/2/b", "1/a"}));
  world.make_empty("in/1/2/d");
  world.settle();
  EXPECT_EQ(world.take(hints), Hints{appeared("1/2/d")});
}

TEST(WatchTree, FollowsDirectoriesThatMove) {
  WatchWorld world;
  Hints hints;
  for (const char* name : {"in", "in/1", "in/2", "out", "out/1"}) world.make_dir(name);
  world.make_empty("out/1/x");
  world.watch("in", hints, 3);
  world.settle();
  world.take(hints);

  world.rename("out/1", "in/1/moved-in");
  world.settle();
  EXPECT_EQ(world.take(hints), Hints{appeared("1/moved-in/x")});
  world.rename("in/1/moved-in", "in/2/moved-on");
  world.settle();
  EXPECT_EQ(world.take(hints), Hints{appeared("2/moved-on/x")});
  world.make_empty("in/2/moved-on/y");
  world.settle();
  EXPECT_EQ(world.take(hints), Hints{appeared("2/moved-on/y")});
  world.rename("in/2", "out/2");
  world.make_empty("out/2/z");
  world.settle();
  world.take(hints);
  world.make_empty("out/2/moved-on/z");
  world.settle();
  EXPECT_EQ(hints, Hints{}) << "what moved away is not watched";
  world.rename("in/1", "in/3");
  world.make_dir("in/1");
  world.settle();
  world.make_empty("in/1/a");
  world.make_empty("in/3/b");
  world.settle();
  EXPECT_EQ(hints, (Hints{appeared("1/a"), appeared("3/b")}));
}

TEST(WatchTree, FollowsADirectoryThatWasRemovedAndMadeAgain) {
  WatchWorld world;
  Hints hints;
  for (const char* name : {"in", "in/1"}) world.make_dir(name);
  world.watch("in", hints, 1);
  world.settle();
  for (int round = 0; round < 3; ++round) {
    world.remove("in/1");
    world.make_dir("in/1");
    world.settle();
    world.take(hints);
    world.make_empty("in/1/a");
    world.settle();
    EXPECT_EQ(world.take(hints), Hints{appeared("1/a")});
  }
}

TEST(WatchTree, NeverFollowsALink) {
  WatchWorld world;
  Hints hints;
  for (const char* name : {"in", "secret", "secret/below"}) world.make_dir(name);
  world.make_empty("secret/s");
  world.link_to("../secret", "in/old");
  world.watch("in", hints, 5);
  world.settle();
  world.take(hints);
  world.link_to("../secret", "in/new");
  world.settle();
  EXPECT_EQ(world.take(hints), Hints{appeared("new")}) << "a name, and nothing below it";
  world.make_empty("secret/t");
  world.make_empty("secret/below/t");
  world.settle();
  EXPECT_EQ(hints, Hints{});
  // A directory that became a link.
  world.make_dir("in/dir");
  world.settle();
  world.rename("in/dir", "dir");
  world.link_to("../secret", "in/dir");
  world.pass(30s);
  world.take(hints);
  world.make_empty("secret/u");
  world.settle();
  EXPECT_EQ(hints, Hints{});
}

TEST(WatchTree, IsRightAgainAfterEventsWereLost) {
  WatchWorld world;
  Hints hints;
  for (const char* name : {"in", "in/stays", "in/goes", "in/replaced", "in/replaced/x"}) {
    world.make_dir(name);
  }
  world.watch("in", hints, 2);
  world.settle();
  world.overflow("in");
  world.make_dir("in/comes");
  world.make_dir("in/comes/x");
  world.rename("in/goes", "goes");
  world.rename("in/replaced", "replaced");
  world.make_dir("in/replaced");
  world.settle();
  EXPECT_EQ(hints.back(), look()) << "after the new ones are watched";
  world.take(hints);
  for (const char* name : {"goes/no", "replaced/no", "replaced/x/no"}) world.make_empty(name);
  for (const char* name : {"in/comes/x/a", "in/replaced/b", "in/stays/c"}) world.make_empty(name);
  world.settle();
  EXPECT_EQ(world.take(hints),
            (Hints{appeared("comes/x/a"), appeared("replaced/b"), appeared("stays/c")}));
}

TEST(WatchTree, WalksOnceMoreWhereEventsAreLostDuringAWalk) {
  WatchWorld world("/dev/shm");
  Hints hints;
  world.make_dir("in");
  for (int i = 0; i < 3'000; ++i) world.make_dir("in/" + std::to_string(i));
  world.watch("in", hints, 2);
  for (int turn = 0; turn < 15; ++turn) world.watcher.process();
  ASSERT_EQ(world.take(hints), Hints{look()}) << "half way";
  world.overflow("in");
  for (int i = 0; i < 3'000; ++i) world.make_dir("in/" + std::to_string(i) + "/new");
  world.settle();
  world.take(hints);
  for (int i = 0; i < 3'000; ++i) world.make_empty("in/" + std::to_string(i) + "/new/a");
  world.settle();
  EXPECT_EQ(hints.size(), 3'000U);
}

// Whoever runs the tests as the superuser may read everything, and is somebody else here.
class Unprivileged {
 public:
  explicit Unprivileged(const std::vector<std::string>& paths) {
    if (::geteuid() != 0) return;
    constexpr uid_t kNobody = 65'534;
    for (const auto& path : paths) EXPECT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
    EXPECT_EQ(::seteuid(kNobody), 0);
    ::prctl(PR_SET_DUMPABLE, 1);  // or /proc/self/fd is closed to us
    is_other_ = true;
  }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;
  ~Unprivileged() {
    if (is_other_) {
      EXPECT_EQ(::seteuid(0), 0);
    }
  }

 private:
  bool is_other_ = false;
};

TEST(WatchTree, WatchesADirectoryOnceItMayBeRead) {
  WatchWorld world;
  Hints hints;
  for (const char* name : {"in", "in/1", "in/2"}) world.make_dir(name);
  const Unprivileged unprivileged(
      {world.path(""), world.path("in"), world.path("in/1"), world.path("in/2")});
  world.set_mode("in/1", 0300);
  ::testing::internal::CaptureStderr();
  world.watch("in", hints, 1);
  world.settle();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << "one of many is no reason to be blind";
  world.write("in/1/before");
  world.write("in/2/a");
  world.settle();
  EXPECT_EQ(appeared_in(world.take(hints)), Names{"2/a"});
  world.set_mode("in/1", 0700);
  world.settle();
  EXPECT_EQ(world.take(hints), Hints{appeared("1/before")});
  world.write("in/1/after");
  world.settle();
  EXPECT_EQ(appeared_in(hints), Names{"1/after"});
}

TEST(WatchTree, SaysNothingMoreAfterAWalkThatFoundNothingNew) {
  WatchWorld world;
  Hints hints;
  for (const char* name : {"in", "in/1"}) world.make_dir(name);
  world.watch("in", hints, std::numeric_limits<std::size_t>::max());
  world.settle();
  world.take(hints);
  for (int second = 0; second < 60; ++second) world.pass(1s);
  EXPECT_EQ(hints, Hints(2, look()));
}

// Directories come, go, move within, out and in again, while events are read at any moment; in the
// end each that is there to the depth is watched once, under its name, and no other.
TEST(WatchTree, EndsRightWhateverHappenedMeanwhile) {
  namespace fs = std::filesystem;
  std::mt19937 random(7);
  const auto one_of = [&](std::size_t count) { return random() % count; };
  for (int round = 0; round < 150; ++round) {
    SCOPED_TRACE(round);
    WatchWorld world("/dev/shm");
    Hints hints;
    world.make_dir("in");
    world.make_dir("out");
    if (round % 2 == 0) world.watch("in", hints, 2);
    const auto directories = [&](const std::string& top) {
      std::vector<std::string> all{top};
      for (const auto& entry : fs::recursive_directory_iterator(world.path(top))) {
        if (entry.is_directory()) {
          all.push_back(entry.path().lexically_relative(world.path("")).string());
        }
      }
      return all;
    };
    const auto some = [&] {
      const auto all = directories(one_of(4) == 0 ? "out" : "in");
      return all[one_of(all.size())];
    };
    const auto some_name = [&] { return some() + "/" + std::string(1, "abc"[one_of(3)]); };
    for (int step = 0; step < 40; ++step) {
      std::error_code ignored;  // what cannot be done is left
      const std::size_t act = one_of(10);
      if (act < 4) fs::create_directory(world.path(some_name()), ignored);
      if (act == 4) fs::remove_all(world.path(some_name()), ignored);
      if (act > 4 && act < 8) {
        ::rename(world.path(some_name()).c_str(), world.path(some_name()).c_str());
      }
      if (act == 8) world.watcher.process();
      if (round % 2 == 1 && step == 10) world.watch("in", hints, 2);
    }
    world.settle();
    world.take(hints);
    std::vector<std::string> expected;
    for (const auto& directory : directories("in")) {
      world.make_empty(directory + "/probe");
      if (std::ranges::count(directory, '/') > 2) continue;
      expected.push_back((directory + "/probe").substr(std::string("in/").size()));
    }
    for (const auto& directory : directories("out")) world.make_empty(directory + "/probe");
    world.settle();
    std::ranges::sort(expected);
    EXPECT_EQ(appeared_in(hints), expected);
    if (HasFailure()) return;
  }
}

TEST(WatchTree, DoesNotStarveOthersWhileALargeOneIsWalked) {
  WatchWorld world("/dev/shm");  // 10,000 directories need no disk
  Hints large;
  Hints small;
  world.make_dir("large");
  world.make_dir("small");
  world.make_dir("small/1");
  for (int i = 0; i < 10'000; ++i) world.make_dir("large/" + std::to_string(i));
  world.watch("large", large, 1);
  world.watch("small", small, 1);
  world.watcher.process();
  EXPECT_EQ(small, Hints(2, look())) << "its walk was done in the first turn";
  world.take(small);
  int turns = 0;
  for (; large.size() == 1 && turns < 1'000; ++turns) {
    EXPECT_EQ(world.watcher.next_due_boot_ms(), world.clock.now);
    world.write("small/1/" + std::to_string(turns));
    world.watcher.process();
    EXPECT_EQ(world.take(small).front(), appeared("1/" + std::to_string(turns)));
  }
  EXPECT_GT(turns, 20);
  EXPECT_EQ(large, Hints(2, look()));
  world.take(large);
  world.make_empty("large/9999/a");
  world.make_empty("large/0/b");
  world.settle();
  EXPECT_EQ(large, (Hints{appeared("9999/a"), appeared("0/b")}));
}

}  // namespace
}  // namespace spoolmq::watcher::test

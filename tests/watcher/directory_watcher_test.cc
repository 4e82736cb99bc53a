#include "watcher/directory_watcher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/watcher/watch_world.h"

namespace spoolmq::watcher::test {
namespace {

using namespace std::chrono_literals;

// ---- Events

TEST(DirectoryWatcher, SaysWhatBecomesOfAFile) {
  WatchWorld world;
  Hints hints;
  world.make_dir("in");
  world.watch("in", hints);
  EXPECT_EQ(world.take(hints), Hints{look()}) << "at once";
  world.settle();
  EXPECT_EQ(world.take(hints), Hints{});

  world.write("in/a");
  world.settle();
  EXPECT_EQ(world.take(hints), (Hints{appeared("a"), modified("a"), closed("a")}));
  world.set_mode("in/a", 0600);
  world.settle();
  EXPECT_EQ(world.take(hints), Hints{appeared("a")});
  world.rename("in/a", "in/b");
  world.settle();
  ASSERT_EQ(hints.size(), 2U);
  EXPECT_EQ(hints[0].rename, hints[1].rename);
  EXPECT_NE(hints[0].rename, 0U);
  EXPECT_EQ(world.take(hints), (Hints{gone("a"), appeared("b")}));
  world.rename("in/b", "outside");
  world.settle();
  EXPECT_EQ(world.take(hints), Hints{gone("b")});
  world.rename("outside", "in/c");
  world.remove("in/c");
  world.settle();
  EXPECT_EQ(world.take(hints), (Hints{appeared("c"), gone("c")}));
}

TEST(DirectoryWatcher, TakesNamesAsBytes) {
  WatchWorld world;
  Hints hints;
  world.make_dir("in");
  world.watch("in", hints, 1);
  world.settle();
  world.take(hints);
  for (const std::string& name : {std::string("two\nlines"), std::string("\xff\xfe\x80"),
                                  std::string(255, 'n'), std::string("--x"), std::string(" ")}) {
    world.make_empty("in/" + name);
    world.settle();
    EXPECT_EQ(world.take(hints), Hints{appeared(name)});
    world.remove("in/" + name);
    world.make_dir("in/" + name);
    world.make_empty("in/" + name + "/" + name);
    world.settle();
    const Hints after = world.take(hints);
    ASSERT_FALSE(after.empty());
    EXPECT_EQ(after.back(), appeared(name + "/" + name));
  }
}

TEST(DirectoryWatcher, SaysNothingOfDirectories) {
  WatchWorld world;
  Hints flat;
  Hints deep;
  world.make_dir("in");
  world.make_dir("in/old");
  world.watch("in", flat);
  world.watch("in", deep, 1);
  world.settle();
  world.take(flat);
  world.take(deep);
  world.make_dir("in/new");
  world.set_mode("in/new", 0700);
  world.set_mode("in/old", 0700);
  world.set_mode("in", 0700);
  world.rename("in/new", "in/newer");
  world.remove("in/newer");
  world.remove("in/old");
  world.settle();
  EXPECT_EQ(flat, Hints{});
  EXPECT_EQ(deep, Hints{});
}

TEST(DirectoryWatcher, DoesNotTakeTheOldFilesWriterForTheNewFiles) {
  WatchWorld world;
  Hints hints;
  world.make_dir("in");
  const int writer = ::open(world.path("in/a").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  world.watch("in", hints);
  world.remove("in/a");
  world.make_empty("in/a");
  world.settle();
  world.take(hints);
  ASSERT_EQ(::write(writer, "x", 1), 1);
  ASSERT_EQ(::close(writer), 0);
  world.settle();
  EXPECT_EQ(hints, Hints{});
}

TEST(DirectoryWatcher, ReadsABoundedNumberOfEventsAtATime) {
  WatchWorld world;
  Hints hints;
  world.make_dir("in");
  world.watch("in", hints);
  world.take(hints);
  world.touch_in_turn("in", 9'000);
  world.watcher.process();
  EXPECT_GT(hints.size(), 1'000U);
  EXPECT_LE(hints.size(), 4'096U);
  EXPECT_EQ(world.watcher.next_due_boot_ms(), world.clock.now) << "more are waiting";
  world.settle();
  EXPECT_EQ(hints.size(), 9'000U);
}

TEST(DirectoryWatcher, LooksAtEverythingAfterEventsWereLost) {
  WatchWorld world;
  Hints hints;
  Hints other;
  world.make_dir("in");
  world.make_dir("quiet");
  world.watch("in", hints);
  world.watch("quiet", other);
  world.take(other);
  world.overflow("in");
  world.make_empty("in/lost");
  world.take(hints);
  world.settle();
  EXPECT_EQ(std::ranges::count(hints, look()), 1);
  EXPECT_EQ(std::ranges::count(hints, appeared("lost")), 0);
  EXPECT_EQ(other, Hints{look()}) << "whose events were lost nobody knows";
  world.take(hints);
  world.make_empty("in/a");
  world.settle();
  EXPECT_EQ(hints, Hints{appeared("a")});
}

// ---- Time

TEST(DirectoryWatcher, LooksAgainEveryRescan) {
  WatchWorld world;
  Hints hints;
  Hints often;
  world.make_dir("in");
  world.watch("in", hints);
  world.watcher.watch({.path = world.path("in"), .rescan = 5s},
                      [&](const Hint& hint) { often.push_back(hint); });
  for (int second = 0; second < 90; ++second) world.pass(1s);
  EXPECT_EQ(hints, Hints(1 + 3, look()));
  EXPECT_EQ(often, Hints(1 + 18, look()));
}

TEST(DirectoryWatcher, IsDueNeverWithoutWatchesAndOverflowsNoTime) {
  WatchWorld world;
  EXPECT_EQ(world.watcher.next_due_boot_ms(), std::numeric_limits<std::int64_t>::max());
  world.make_dir("in");
  Hints hints;
  const auto token = world.watcher.watch(
      {.path = world.path("in"), .rescan = std::chrono::milliseconds::max(), .rescan_blind = 0ms},
      [&](const Hint& hint) { hints.push_back(hint); });
  for (int second = 0; second < 90; ++second) world.pass(1s);
  EXPECT_EQ(hints, Hints{look()});
  world.watcher.forget(token);
  world.settle();
  EXPECT_EQ(world.watcher.next_due_boot_ms(), std::numeric_limits<std::int64_t>::max());
}

// ---- Several watches, and what is called

TEST(DirectoryWatcher, GivesEveryHintToEachWatchOfADirectory) {
  WatchWorld world;
  Hints first;
  Hints second;
  Hints above;
  world.make_dir("in");
  const auto first_token = world.watch("in", first);
  const auto second_token = world.watch("in", second);
  world.watch("", above, 1);
  world.settle();
  for (Hints* hints : {&first, &second, &above}) world.take(*hints);
  world.make_empty("in/a");
  world.settle();
  EXPECT_EQ(world.take(first), Hints{appeared("a")});
  EXPECT_EQ(world.take(second), Hints{appeared("a")});
  EXPECT_EQ(world.take(above), Hints{appeared("in/a")});

  world.make_empty("in/b");  // queued already
  world.watcher.forget(first_token);
  world.settle();
  EXPECT_EQ(first, Hints{});
  EXPECT_EQ(world.take(second), Hints{appeared("b")});
  EXPECT_EQ(world.take(above), Hints{appeared("in/b")});

  world.watcher.forget(second_token);
  world.make_empty("in/c");
  world.settle();
  EXPECT_EQ(second, Hints{});
  EXPECT_EQ(world.take(above), Hints{appeared("in/c")});
}

TEST(DirectoryWatcher, GivesNothingBackWhileOneStillUsesIt) {
  WatchWorld world;
  Hints hints;
  world.make_dir("in");
  const auto token = world.watch("in", hints);
  world.watcher.forget(token);
  world.make_empty("in/a");
  world.settle();
  const auto again = world.watch("in", hints);
  world.take(hints);
  world.make_empty("in/b");
  world.settle();
  EXPECT_EQ(hints, Hints{appeared("b")});
  world.watcher.forget(again);
}

TEST(DirectoryWatcher, LetsWatchesBeForgottenWhileTheyAreHinted) {
  WatchWorld world;
  world.make_dir("in");
  Hints own;
  Hints other;
  DirectoryWatcher::Token own_token = 0;
  DirectoryWatcher::Token other_token = 0;
  own_token = world.watcher.watch(
      {.path = world.path("in")}, [&, held = std::string(100, 'h')](const Hint& hint) {
        own.push_back(hint);
        if (hint.kind == Hint::Kind::kLook) return;
        world.watcher.forget(own_token);
        world.watcher.forget(other_token);
        EXPECT_EQ(held, std::string(100, 'h')) << "what runs outlives its watch";
      });
  other_token = world.watch("in", other);
  world.make_empty("in/a");
  world.make_empty("in/b");
  world.settle();
  EXPECT_EQ(own, (Hints{look(), appeared("a")}));
  EXPECT_EQ(other, Hints{look()});
}

TEST(DirectoryWatcher, LetsAWatchBeginWhileAnotherIsHinted) {
  WatchWorld world;
  world.make_dir("in");
  Hints inner;
  bool is_begun = false;
  world.watcher.watch({.path = world.path("in")}, [&](const Hint& hint) {
    if (hint.kind != Hint::Kind::kLook && !is_begun) {
      is_begun = true;
      world.watch("in", inner);
    }
  });
  world.make_empty("in/a");
  world.settle();
  EXPECT_EQ(world.take(inner), Hints{look()});
  world.make_empty("in/b");
  world.settle();
  EXPECT_EQ(inner, Hints{appeared("b")});
}

TEST(DirectoryWatcher, LosesNothingBehindACallThatThrows) {
  WatchWorld world;
  world.make_dir("in");
  Hints hints;
  world.watcher.watch({.path = world.path("in")}, [&](const Hint& hint) {
    if (hint.name == "bad") throw std::runtime_error("bad");
    hints.push_back(hint);
  });
  for (const char* name : {"a", "bad", "b"}) world.make_empty(std::string("in/") + name);
  EXPECT_THROW(world.watcher.process(), std::runtime_error);
  EXPECT_EQ(world.watcher.next_due_boot_ms(), world.clock.now);
  world.settle();
  EXPECT_EQ(hints, (Hints{look(), appeared("a"), appeared("b")}));

  EXPECT_THROW(world.watcher.watch({.path = world.path("in")},
                                   [](const Hint&) { throw std::runtime_error("at once"); }),
               std::runtime_error);
  world.make_empty("in/c");
  world.settle();
  EXPECT_EQ(hints.back(), appeared("c"));
}

}  // namespace
}  // namespace spoolmq::watcher::test

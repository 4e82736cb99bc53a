// Closing, opening, rebuilding and reaping, cut at every operation.

#include <gtest/gtest.h>

#include <optional>

#include "store/checked_vfs.h"
#include "store/sqlite.h"
#include "tests/store/crash_cuts.h"

namespace spoolmq::test {
namespace {

WorldOptions closing_cleanly() {
  WorldOptions options;
  options.one_shot = false;
  options.settings.backoff = Milliseconds{0};
  return options;
}

void fill(World& world) {
  world.send("own file");
  world.send_all({"a", "b", "c"});
  world.take_and_ack(2);
  world.queue().maintain();
}

TEST(CrashOpen, KeepsEverythingAcrossAClose) {
  expect_no_violation({.name = "close",
                       .options = closing_cleanly(),
                       .prepare = fill,
                       .act = [](World& world) { world.close(); }},
                      {.nested_stride = 6, .recovery_stride = 4, .rebuild_stride = 4});
}

TEST(CrashOpen, KeepsEverythingAcrossAnOpenAfterACleanMark) {
  expect_no_violation({.name = "open after close",
                       .options = closing_cleanly(),
                       .prepare =
                           [](World& world) {
                             fill(world);
                             world.close();
                             world.clock().reboot();
                           },
                       .act =
                           [](World& world) {
                             world.send("delta");
                             world.take_and_ack();
                             world.close();
                           }},
                      {.stride = 2, .nested_stride = 16, .recovery_stride = 4});
}

TEST(CrashOpen, KeepsUnsyncedMessagesAcrossACleanMark) {
  WorldOptions options = closing_cleanly();
  options.settings.durability = Durability::kOs;
  expect_no_violation({.name = "os, close",
                       .options = options,
                       .prepare =
                           [](World& world) {
                             world.send("one");
                             world.send("two");
                             world.send("three");
                           },
                       .act = [](World& world) { world.close(); }},
                      {.stride = 2, .rebuild_stride = 4});
}

TEST(CrashOpen, RebuildsADeletedIndex) {
  expect_no_violation({.name = "rebuild",
                       .options = closing_cleanly(),
                       .prepare =
                           [](World& world) {
                             fill(world);
                             Delivery delivery = world.take();
                             world.reject(delivery);
                             world.clock().advance(5000);
                             world.queue().maintain();
                             world.close();
                             delete_index(world);
                           },
                       .act = [](World& world) { world.queue().stats(); }},
                      {.nested_stride = 16, .recovery_stride = 8});
}

TEST(CrashOpen, SealsAndRollsASegment) {
  expect_no_violation({.name = "roll",
                       .options = closing_cleanly(),
                       .prepare =
                           [](World& world) {
                             world.send_all({"a", "b"});
                             world.close();
                           },
                       .act =
                           [](World& world) {
                             world.send_all({"c", "d"});
                             world.close();
                             world.send("e");
                             world.send("f");
                           }},
                      {.stride = 3, .nested_stride = 12, .recovery_stride = 4});
}

// The dead sender's slot is not the one that the next process takes: receiving must find it.
TEST(CrashOpen, ReapsAHandleWhoseSlotNobodyTakes) {
  expect_no_violation({.name = "second slot",
                       .options = closing_cleanly(),
                       .prepare = [](World& world) { world.queue().stats(); },
                       .act =
                           [](World& world) {
                             Queue second = world.another();
                             world.send_from(second, "one");
                             world.send_from(second, "two");
                             world.send_from(second, "three");
                             world.keep(world.take());
                             world.keep(*second.receive());
                           }},
                      {.stride = 3, .nested_stride = 2, .recovery_stride = 2});
}

// Whoever finds a whole index that was not announced yet finishes it; the next one must not take
// what that wrote for another file, and forget all leases in a rebuild.
TEST(CrashOpen, KeepsTheFirstIndexWhereverItsMakerWasKilled) {
  std::uint64_t cuts = 0;
  for (bool cut = true; cut; ++cuts) {
    World first(closing_cleanly());
    first.root();
    first.disk().cut_at(cuts + 1);
    try {
      first.queue();
    } catch (const PowerCut&) {
    } catch (const Error&) {
      ASSERT_TRUE(first.disk().is_cut());  // SQLite made an I/O error of it
    }
    cut = first.disk().is_cut();
    World second(first.disk().after_kill(), first.clock(), {}, closing_cleanly());
    const std::uint64_t generation = second.queue().stats().generation;
    second.send("alpha");
    second.keep(second.take());
    Queue third = second.another();
    EXPECT_EQ(third.stats().generation, generation) << "cut " << cuts;
    EXPECT_EQ(third.stats().of(State::kLeased).messages, 1) << "cut " << cuts;
  }
  EXPECT_GT(cuts, 10U);
}

// A queue whose sender was killed with an open segment, and the process that comes next.
class Reaping : public ::testing::Test {
 protected:
  void SetUp() override {
    World world({});
    world.send("own file");
    world.send_all({"a", "b"});
    world.send_all({"c", "unlucky"});
    for (const std::string& file : world.spool_files()) {
      const std::string path = "queues/q/msgs/" + file;
      if (world.disk().bytes_of(path).find("unlucky") != std::string::npos) segment_ = path;
    }
    ASSERT_FALSE(segment_.empty());
    next_.emplace(world.disk().after_kill(), world.clock(), Ledger{}, WorldOptions{});
  }
  // Writes over what stands at `at` of the segment, as a disk does.
  void decay(std::uint64_t at, std::string_view bytes) {
    ASSERT_TRUE(next_->disk().decay(segment_, at, bytes));
  }
  std::size_t end_of_records() {
    return next_->disk().bytes_of(segment_).find_last_not_of('\0') + 1;
  }
  void lose_the_index() {
    next_->close();
    delete_index(*next_);
  }
  std::int64_t count(State state) { return next_->queue().stats().of(state).messages; }

  std::string segment_;
  std::optional<World> next_;
};

TEST_F(Reaping, SealsSoThatDamageLaterOnIsNoUnfinishedTail) {
  EXPECT_EQ(count(State::kReady), 5);
  lose_the_index();
  const std::string bytes = next_->disk().bytes_of(segment_);
  decay(bytes.find("unlucky"), "X");
  EXPECT_EQ(count(State::kReady), 4);
  EXPECT_EQ(count(State::kCorrupt), 1) << "it was confirmed";
}

TEST_F(Reaping, LeavesASealThatIsThere) {
  EXPECT_EQ(count(State::kReady), 5);
  const std::uint64_t size = next_->disk().bytes_of(segment_).size();
  // Its writer was killed between the seal and the row that tells of it.
  const auto dir = next_->queue_dir();
  next_->close();
  Db(dir->path() + "/index.1.db", checked_vfs(dir->sqlite_vfs())).execute("UPDATE f SET sealed=0");
  next_->clock().reboot();
  EXPECT_EQ(count(State::kReady), 5);
  EXPECT_EQ(next_->disk().bytes_of(segment_).size(), size);
}

TEST_F(Reaping, GoesOnWhereATailCannotBeKept) {
  // What its sender had begun, and no place to put it.
  decay((end_of_records() + 7) / 8 * 8, "SPGR and half a group");
  next_->root();
  next_->queue_dir()->create("corrupt", 0600, IfExists::kFail);
  EXPECT_EQ(count(State::kReady), 5);
  EXPECT_NE(next_->disk().bytes_of(segment_).find("half a group"), std::string::npos);
  lose_the_index();
  next_->queue_dir()->unlink("corrupt");
  EXPECT_EQ(count(State::kReady), 5);
  std::string kept;
  for (const std::string& name : next_->disk().names("queues/q/corrupt")) {
    kept += next_->disk().bytes_of("queues/q/corrupt/" + name);
  }
  EXPECT_NE(kept.find("half a group"), std::string::npos);
}

TEST(CrashOpen, KeepsSettingsAndPause) {
  const Scenario scenario{.name = "configure",
                          .options = closing_cleanly(),
                          .prepare = [](World& world) { world.send("alpha"); },
                          .act =
                              [](World& world) {
                                const SettingText change{"max-failures", "3"};
                                world.queue().configure({&change, 1});
                                Pause pause;
                                pause.receive = true;
                                world.queue().pause(pause);
                              },
                          .again =
                              [](World& world) {
                                if (world.queue().paused()) world.queue().resume();
                                const std::int64_t failures = world.queue().settings().max_failures;
                                EXPECT_TRUE(failures == 3 || failures == 10) << failures;
                              }};
  expect_no_violation(scenario, {.nested_stride = 8, .recovery_stride = 8});
}

}  // namespace
}  // namespace spoolmq::test

// A backup and a restore, cut at one operation after the other: what was being made is there whole
// or not at all, the queue itself loses nothing, and the next attempt clears the leavings away.
#include <gtest/gtest.h>

#include "tests/store/backup_world.h"

namespace spoolmq::test {
namespace {

constexpr std::uint64_t kStride = 3;
constexpr std::uint64_t kMostOperations = 5000;

struct Way {
  bool kill;
  Names names;
  Bytes bytes;
};
constexpr Way kWays[] = {
    {true, Names::kKept, Bytes::kKept},  {false, Names::kLost, Bytes::kLost},
    {false, Names::kLost, Bytes::kKept}, {false, Names::kKept, Bytes::kLost},
    {false, Names::kKept, Bytes::kTorn},
};

// False once `act` came to its end.
bool was_cut(BackupWorld& world, std::uint64_t at, const std::function<void(Root&)>& act,
             const char* root) {
  world.disk().cut_at(at);
  try {
    Root opened = world.open(root);
    act(opened);
    world.disk().throw_if_cut();
    return false;
  } catch (const PowerCut&) {
  } catch (const Error&) {
    if (!world.disk().is_cut()) throw;
  }
  return true;
}

std::unique_ptr<BackupWorld> after(BackupWorld& world, const Way& way, std::uint64_t seed) {
  auto next = std::make_unique<BackupWorld>(
      way.kill ? world.disk().after_kill()
               : world.disk().after_power_cut(way.names, way.bytes, seed));
  if (!way.kill) next->clock()->start_new_boot(Milliseconds{1000});
  return next;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

TEST(BackupCut, IsThereWholeOrNotAtAll) {
  std::uint64_t cuts = 0;
  std::uint64_t whole = 0;
  for (std::uint64_t n = 1; n < kMostOperations; n += kStride) {
    BackupWorld world;
    const std::set<std::string> wanted = fill(world);
    const bool cut = was_cut(
        world, n, [&](Root& root) { root.back_up({}, world.place(), {}); }, "root");
    for (const Way& way : kWays) {
      const std::unique_ptr<BackupWorld> next = after(world, way, n);
      SCOPED_TRACE("operation " + std::to_string(n) + " way " + std::to_string(&way - kWays));
      ++cuts;
      ASSERT_EQ(next->bodies(), wanted);
      const bool is_there = has(next->disk().names("backups"), "b");
      ASSERT_TRUE(cut || is_there);
      if (is_there) {
        ++whole;
        ASSERT_EQ(next->open("second").restore(next->place(), {}).size(), 1U);
        ASSERT_EQ(next->bodies("second"), wanted);
      }
      next->open().back_up({}, next->place("c"), {});
      ASSERT_EQ(next->disk().names("backups"),
                is_there ? (std::vector<std::string>{"b", "c"}) : std::vector<std::string>{"c"});
    }
    if (!cut) break;
  }
  RecordProperty("cuts", std::to_string(cuts));
  EXPECT_GT(cuts, 100U);
  EXPECT_GE(whole, std::size(kWays)) << "the last ones, at least";
}

TEST(BackupCut, RestoresAQueueWholeOrNotAtAll) {
  std::uint64_t cuts = 0;
  for (std::uint64_t n = 1; n < kMostOperations; n += kStride) {
    BackupWorld world;
    const std::set<std::string> wanted = fill(world);
    world.open().back_up({}, world.place(), {});
    const bool cut = was_cut(
        world, n, [&](Root& root) { root.restore(world.place(), {}); }, "second");
    for (const Way& way : kWays) {
      const std::unique_ptr<BackupWorld> next = after(world, way, n);
      SCOPED_TRACE("operation " + std::to_string(n) + " way " + std::to_string(&way - kWays));
      ++cuts;
      const bool is_there = next->open("second").has_queue("q");
      ASSERT_TRUE(cut || is_there);
      if (!is_there) next->open("second").restore(next->place(), {});
      ASSERT_EQ(next->bodies("second"), wanted);
      const std::vector<std::string> left = next->disk().names("second/queues");
      if (!is_there) {
        ASSERT_EQ(left, (std::vector<std::string>{"q"}));
      }
    }
    if (!cut) break;
  }
  EXPECT_GT(cuts, 100U);
}

}  // namespace
}  // namespace spoolmq::test

// Rows that SQLite reads without complaint and that nobody writes.
#include <gtest/gtest.h>

#include "store/checked_vfs.h"
#include "store/sqlite.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

class IndexRows : public ::testing::TestWithParam<const char*> {};

TEST_P(IndexRows, ThatSayWhatCannotBeEndTheGeneration) {
  StoreWorld world;
  world.queue().send_batch({text("a"), text("b"), text("c")});
  world.reopen();
  {
    const auto dir = world.queue_dir();
    Db(dir->path() + "/index.1.db", checked_vfs(dir->sqlite_vfs())).execute(GetParam());
  }
  EXPECT_EQ(everything(world.queue()).size(), 3U);
  EXPECT_EQ(drain(world.queue()), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(world.queue().stats().generation, 2U);
}

TEST(IndexRowsAboveEveryState, AreFoundByFsck) {
  StoreWorld world;
  world.queue().send_batch({text("a"), text("b"), text("c")});
  world.reopen();
  {
    const auto dir = world.queue_dir();
    Db(dir->path() + "/index.1.db", checked_vfs(dir->sqlite_vfs()))
        .execute("UPDATE m SET state=255 WHERE seq=2");
  }
  EXPECT_FALSE(world.queue().fsck(FsckMode::kLook).empty());
  world.queue().fsck(FsckMode::kRepair);
  EXPECT_EQ(drain(world.queue()), (std::vector<std::string>{"a", "b", "c"}));
}

INSTANTIATE_TEST_SUITE_P(All, IndexRows,
                         ::testing::Values("UPDATE m SET state=0 WHERE seq=2",
                                           "UPDATE m SET state=-200 WHERE seq=2",
                                           "UPDATE f SET kind=9", "UPDATE f SET kind=-1"));

}  // namespace
}  // namespace spoolmq::test

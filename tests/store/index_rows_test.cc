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

// With a sum that overflows the sanitizers end the test.
TEST(IndexRowsAtTheEndsOf64Bits, AreAddedUpWithoutOverflow) {
  for (const std::string column :
       {"m.size", "m.sent", "m.due",  "m.expires", "m.deliveries", "m.failures", "m.redrives",
        "m.wall", "m.span", "f.live", "d.until",   "q.n1",         "q.b1",       "q.n6",
        "q.b6",   "q.nr",   "q.br",   "q.sent",    "q.failures",   "q.syncs"}) {
    for (const char* const number : {"9223372036854775807", "-9223372036854775808"}) {
      SCOPED_TRACE(column + " = " + number);
      StoreWorld world;
      world.queue().send_batch({text("a"), keyed("b", "k"), text("c")});
      ReceiveOptions timed;
      timed.kind = LeaseKind::kTimed;
      world.queue().receive(timed)->detach();
      {
        const auto dir = world.queue_dir();
        Db(dir->path() + "/index.1.db", checked_vfs(dir->sqlite_vfs()))
            .execute(("UPDATE " + column.substr(0, 1) + " SET " + column.substr(2) + "=CAST('" +
                      number + "' AS INTEGER)")
                         .c_str());
      }
      const auto may_refuse = [](const auto& act) {
        try {
          act();
        } catch (const Error&) {
        }
      };
      Queue& queue = world.queue();
      std::vector<MessageId> ids;
      may_refuse([&] {
        for (const MessageStatus& one : everything(queue)) ids.push_back(one.id);
      });
      may_refuse([&] { static_cast<void>(queue.hold(ids, "h")); });
      may_refuse([&] { static_cast<void>(queue.requeue(ids)); });
      may_refuse([&] { queue.send(text("d")); });
      may_refuse([&] {
        if (auto delivery = queue.receive()) delivery->nack("n");
      });
      may_refuse([&] { static_cast<void>(queue.stats()); });
      may_refuse([&] { queue.sweep(); });
      queue.fsck(FsckMode::kRebuildIndex);
      EXPECT_TRUE(queue.fsck(FsckMode::kLook).empty());
      EXPECT_GE(everything(queue).size(), 3U);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, IndexRows,
                         ::testing::Values("UPDATE m SET state=0 WHERE seq=2",
                                           "UPDATE m SET state=-200 WHERE seq=2",
                                           "UPDATE f SET kind=9", "UPDATE f SET kind=-1",
                                           "UPDATE q SET seq=9223372036854775807"));

}  // namespace
}  // namespace spoolmq::test

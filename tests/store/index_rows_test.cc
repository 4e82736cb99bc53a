// Rows that SQLite reads without complaint and that nobody writes.
#include <gtest/gtest.h>

#include "store/checked_vfs.h"
#include "store/index.h"
#include "store/sqlite.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

// As nobody does: the checksums of its pages are right.
void change_index(StoreWorld& world, const char* sql) {
  const auto dir = world.queue_dir();
  Db(dir->path() + "/index.1.db", checked_vfs(dir->sqlite_vfs())).execute(sql);
}

class IndexRows : public ::testing::TestWithParam<const char*> {};

TEST_P(IndexRows, ThatSayWhatCannotBeEndTheGeneration) {
  StoreWorld world;
  world.queue().send_batch({text("a"), text("b"), text("c")});
  world.reopen();
  change_index(world, GetParam());
  EXPECT_EQ(everything(world.queue()).size(), 3U);
  EXPECT_EQ(drain(world.queue()), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(world.queue().stats().generation, 2U);
}

TEST(IndexRowsAboveEveryState, AreFoundByFsck) {
  StoreWorld world;
  world.queue().send_batch({text("a"), text("b"), text("c")});
  world.reopen();
  change_index(world, "UPDATE m SET state=255 WHERE seq=2");
  EXPECT_FALSE(world.queue().fsck(FsckMode::kLook).empty());
  world.queue().fsck(FsckMode::kRepair);
  EXPECT_EQ(drain(world.queue()), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(IndexRowsOfOtherPlaces, AreNotBelieved) {
  StoreWorld world;
  const auto sent = world.queue().send_batch({text("a"), text("b"), text("c")});
  world.reopen();
  change_index(world, "UPDATE m SET off=(SELECT sum(off) FROM m WHERE seq<=2)-off WHERE seq<=2");
  for (const char* const body : {"a", "b", "c"}) {
    std::optional<Delivery> delivery = world.queue().receive();
    ASSERT_TRUE(delivery);
    EXPECT_EQ(body_of(*delivery), body);
    EXPECT_EQ(delivery->message().id, sent[static_cast<std::size_t>(body[0] - 'a')].id);
    delivery->ack();
  }
}

// What SQLite would read as another state of the same message.
TEST(IndexPage, WithATurnedBitIsNotBelieved) {
  StoreWorld world;
  const MessageId id = world.queue().send(text("a"));
  world.queue().hold({{id}}, "why");
  world.reopen();
  {
    const auto file = world.queue_dir()->open("index.1.db", Access::kReadWrite);
    const FileStatus before = file->status();
    std::string bytes(before.size, '\0');
    file->read_at(std::as_writable_bytes(std::span(bytes)), 0);
    const auto& in_row = id.bytes();
    int turned = 0;
    for (std::size_t at = bytes.find(std::string(in_row.begin(), in_row.end()));
         at != std::string::npos;
         at = bytes.find(std::string(in_row.begin(), in_row.end()), at + 1)) {
      char& state = bytes[at + in_row.size()];
      if (state != static_cast<char>(RowState::kHeld)) continue;  // it is the index of ids
      state = static_cast<char>(RowState::kReady);
      ++turned;
    }
    ASSERT_EQ(turned, 1);
    file->write_at(as_bytes(bytes), 0);
    file->set_mtime(before.mtime_ns);
  }
  EXPECT_EQ(count(world.queue(), State::kHeld), 1);
  EXPECT_EQ(everything(world.queue()).at(0).state, State::kHeld);
  EXPECT_EQ(world.queue().stats().generation, 2U);
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
      change_index(world, ("UPDATE " + column.substr(0, 1) + " SET " + column.substr(2) +
                           "=CAST('" + number + "' AS INTEGER)")
                              .c_str());
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

// Archive: acknowledged messages are kept for a time and can be replayed.
#include <gtest/gtest.h>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Ids = std::vector<MessageId>;

Settings keeping(Milliseconds time) {
  Settings settings;
  settings.archive = time;
  return settings;
}

TEST(Archive, KeepsWhatWasAcknowledgedForItsTime) {
  StoreWorld world(keeping(1h));
  const MessageId id = world.queue().send(text("x"));
  EXPECT_EQ(take(world.queue()), "x");
  const auto status = world.queue().status(id);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->state, State::kArchived);
  EXPECT_EQ(status->due_ms, world.clock().wall_ms() + 3'600'000);
  EXPECT_FALSE(world.queue().receive());
  world.clock().advance(1h - 1ms);
  world.queue().maintain();
  EXPECT_EQ(world.queue().load(id)->body, "x");
  world.clock().advance(1ms);
  world.queue().maintain();
  EXPECT_FALSE(world.queue().status(id));
  EXPECT_TRUE(world.spool_files().empty());
}

TEST(Archive, ReplaysOnRequeue) {
  StoreWorld world(keeping(1h));
  const MessageId id = world.queue().send(text("x"));
  EXPECT_EQ(take(world.queue()), "x");
  EXPECT_EQ(world.queue().requeue(Ids{id}).changed, Ids{id});
  const auto again = world.queue().receive();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->message().body, "x");
  EXPECT_EQ(again->counters().redrives, 1);
}

TEST(Archive, AnswersARepeatedAck) {
  StoreWorld world(keeping(1h));
  world.queue().send(text("x"));
  const Receipt receipt = world.queue().receive()->detach();
  EXPECT_EQ(world.queue().ack(std::span(&receipt, 1)).front(), LeaseOutcome::kDone);
  EXPECT_EQ(world.queue().ack(std::span(&receipt, 1)).front(), LeaseOutcome::kRepeated);
}

TEST(Archive, LetsTheNextOfAKeyFollow) {
  StoreWorld world(keeping(1h));
  world.queue().send(keyed("1", "k"));
  world.queue().send(keyed("2", "k"));
  EXPECT_EQ(drain(world.queue()), (std::vector<std::string>{"1", "2"}));
}

TEST(Archive, IsStillAnArchiveAfterARestartAndARebuild) {
  StoreWorld world(keeping(1h));
  const auto sent = world.queue().send_batch({text("a"), text("b"), text("left")});
  EXPECT_EQ(take(world.queue()), "a");
  EXPECT_EQ(take(world.queue()), "b");
  world.queue().maintain();
  world.power_cut(1s);
  EXPECT_EQ(count(world.queue(), State::kArchived), 2);
  world.queue().fsck(FsckMode::kRebuildIndex);
  EXPECT_EQ(count(world.queue(), State::kArchived), 2);
  EXPECT_EQ(drain(world.queue()), std::vector<std::string>{"left"});
  EXPECT_EQ(world.queue().requeue(Ids{sent[0].id}).changed.size(), 1U);
  EXPECT_EQ(take(world.queue()), "a");
}

TEST(Archive, GoesWithItsSegmentOnceAllOfItIsOver) {
  StoreWorld world(keeping(1h));
  world.queue().send_batch({text("a"), text("b"), text("c")});
  EXPECT_EQ(drain(world.queue()).size(), 3U);
  world.reopen();  // seals
  world.queue().maintain();
  EXPECT_EQ(world.spool_files().size(), 1U);
  world.clock().advance(2h);
  world.queue().maintain();
  world.queue().maintain();
  EXPECT_TRUE(world.spool_files().empty());
  EXPECT_EQ(total(world.queue()), 0);
}

TEST(Archive, MayBeDeletedBeforeItsTime) {
  StoreWorld world(keeping(1h));
  const MessageId id = world.queue().send(text("x"));
  EXPECT_EQ(take(world.queue()), "x");
  EXPECT_EQ(world.queue().remove(Ids{id}).changed, Ids{id});
  world.queue().maintain();
  EXPECT_TRUE(world.spool_files().empty());
}

}  // namespace
}  // namespace spoolmq::test

// What follows acknowledgements: unlinking, verdicts, punching, sealing.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <random>
#include <thread>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Ids = std::vector<MessageId>;

// Of all spool files, in bytes.
std::uint64_t allocated(StoreWorld& world) {
  std::uint64_t bytes = 0;
  for (const std::string& name : world.spool_files()) {
    const auto shard = world.queue_dir()->open_dir("msgs")->open_dir(name.substr(0, 2));
    bytes += shard->status(name.substr(3))->blocks * 512;
  }
  return bytes;
}

std::vector<Delivery> receive_all(Queue& queue) {
  ReceiveOptions all;
  all.max = 4096;
  return queue.receive_batch(all);
}

TEST(Maintenance, UnlinksSingleFilesOfBothKinds) {
  StoreWorld world;
  SendOptions xml;
  xml.format = Format::kXml;
  world.queue().send(text("binary"));
  world.queue().send(text("xml"), xml);
  EXPECT_EQ(world.spool_files().size(), 2U);
  EXPECT_EQ(drain(world.queue()).size(), 2U);
  world.queue().maintain();
  EXPECT_TRUE(world.spool_files().empty());
}

TEST(Maintenance, LeavesWhatIsNotAcknowledged) {
  StoreWorld world;
  world.queue().send(text("1"));
  world.clock().advance(5s);
  world.queue().send(text("2"));
  EXPECT_EQ(take(world.queue()), "1");
  const auto leased = world.queue().receive();
  world.queue().maintain();
  EXPECT_EQ(world.spool_files().size(), 1U);
}

TEST(Maintenance, UnlinksAFinishedSegmentOnceItIsSealed) {
  StoreWorld world;
  world.queue().send_batch({text("1"), text("2"), text("3")});
  EXPECT_EQ(drain(world.queue()).size(), 3U);
  world.queue().maintain();
  EXPECT_EQ(world.spool_files().size(), 1U);  // its handle may append more
  world.reopen();
  world.queue().maintain();
  EXPECT_TRUE(world.spool_files().empty());
  EXPECT_EQ(world.queue().stats().segments, 0);
}

TEST(Maintenance, PunchesASealedSegmentThatIsMixed) {
  StoreWorld world({}, On::kDisk);
  {
    Queue sender = world.open();
    sender.send_batch(std::vector<Message>(200, text(std::string(8192, 'x'))));
  }
  const std::uint64_t before = allocated(world);
  EXPECT_GE(before, 200U * 8192U);
  std::vector<Delivery> deliveries = receive_all(world.queue());
  ASSERT_EQ(deliveries.size(), 200U);
  world.queue().ack_batch(std::span(deliveries).first(199));
  world.queue().maintain();
  EXPECT_EQ(world.spool_files().size(), 1U);
  EXPECT_LE(allocated(world), 5U * 4096U);
  EXPECT_EQ(world.queue().load(deliveries.back().receipt().id)->body, std::string(8192, 'x'));
}

TEST(Maintenance, PunchesWhatWasAcknowledgedBeforeTheSegmentWasSealed) {
  StoreWorld world({}, On::kDisk);
  world.queue().send_batch(std::vector<Message>(200, text(std::string(8192, 'x'))));
  std::vector<Delivery> deliveries = receive_all(world.queue());
  world.queue().ack_batch(std::span(deliveries).first(199));
  world.queue().maintain();
  deliveries.clear();
  world.reopen();  // seals
  world.queue().maintain();
  EXPECT_EQ(count(world.queue(), State::kReady), 1);
  EXPECT_LE(allocated(world), 5U * 4096U);
}

TEST(Maintenance, WritesVerdictsThatARebuildBelieves) {
  StoreWorld world;
  world.queue().send_batch({text("1"), text("2"), text("3"), text("4")});
  std::vector<Delivery> deliveries = receive_all(world.queue());
  deliveries[0].ack();
  deliveries[2].ack();
  deliveries.clear();
  world.queue().maintain();
  world.queue().fsck(FsckMode::kRebuildIndex);
  EXPECT_EQ(drain(world.queue()), (std::vector<std::string>{"2", "4"}));
}

// Acks that arrive between the collecting and the forgetting of one pass must not be forgotten
// without a verdict: a rebuild afterwards would deliver them again for ever.
TEST(Maintenance, LosesNoVerdictToAcksThatRaceWithIt) {
  StoreWorld world;
  constexpr std::size_t kMessages = 600;
  world.queue().send_batch(std::vector<Message>(kMessages, text("x")));
  std::vector<Delivery> deliveries = receive_all(world.queue());
  ASSERT_EQ(deliveries.size(), kMessages);
  std::mt19937 random(1);
  std::shuffle(deliveries.begin(), deliveries.end() - 1, random);
  {
    Queue cleaner = world.open();
    std::jthread thread([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) cleaner.maintain();
    });
    for (std::size_t i = 0; i + 1 < kMessages; ++i) deliveries[i].ack();
  }
  world.queue().maintain();
  deliveries.clear();
  world.queue().fsck(FsckMode::kRebuildIndex);
  EXPECT_EQ(drain(world.queue()).size(), 1U);
}

TEST(Maintenance, KeepsTheVerdictsLogBounded) {
  StoreWorld world;
  Ids ids;
  for (const SendResult& one : world.queue().send_batch(std::vector<Message>(1000, text("x")))) {
    ids.push_back(one.id);
  }
  const std::string reason(500, 'r');
  std::uint64_t largest = 0;
  for (int round = 0; round < 8; ++round) {
    world.queue().hold(ids, reason);
    world.queue().maintain();
    largest = std::max(largest, world.queue_dir()->status("verdicts.log")->size);
    world.queue().unhold(ids);
    world.queue().maintain();
  }
  EXPECT_GT(largest, std::uint64_t{500} * 1000);
  EXPECT_LT(largest, std::uint64_t{3} << 20);
  world.queue().hold(Ids{ids[3]}, "kept");
  world.queue().maintain();
  world.queue().fsck(FsckMode::kRebuildIndex);
  EXPECT_EQ(count(world.queue(), State::kHeld), 1);
  EXPECT_EQ(world.queue().status(ids[3])->reason, "kept");
}

TEST(Maintenance, KeepsNoRowsOfWhatIsGone) {
  StoreWorld world;
  for (int i = 0; i < 50; ++i) world.queue().send(text("x"));
  std::vector<Receipt> receipts;
  for (Delivery& one : receive_all(world.queue())) receipts.push_back(one.detach());
  world.queue().ack(receipts);
  world.queue().maintain();
  world.clock().advance(2s);
  world.queue().maintain();
  for (const LeaseOutcome outcome : world.queue().ack(receipts)) {
    EXPECT_EQ(outcome, LeaseOutcome::kLost);
  }
  EXPECT_TRUE(everything(world.queue()).empty());
}

TEST(Segment, TakesTheSecondSendWithinASecond) {
  StoreWorld world;
  for (int i = 0; i < 5; ++i) world.queue().send(text("x"));
  EXPECT_EQ(world.spool_files().size(), 2U);  // one of its own, then a segment
  world.reopen();
  for (int i = 0; i < 3; ++i) {
    world.queue().send(text("x"));
    world.clock().advance(1001ms);
  }
  EXPECT_EQ(world.spool_files().size(), 5U);
}

TEST(Segment, IsSealedWhenIdleForTwoSeconds) {
  StoreWorld world;
  OpenOptions with_thread;
  with_thread.background = true;
  Queue sender = world.open("q", with_thread);
  sender.send_batch({text("1"), text("2")});
  EXPECT_EQ(drain(world.queue()).size(), 2U);
  world.queue().maintain();
  EXPECT_EQ(world.spool_files().size(), 1U);
  world.clock().advance(2001ms);
  EXPECT_TRUE(eventually([&] {
    world.queue().maintain();
    return world.spool_files().empty();
  }));
  sender.send(text("another"));
  EXPECT_EQ(take(world.queue()), "another");
}

TEST(Segment, IsSealedAtSixteenMebibytes) {
  StoreWorld world;
  const Message big = text(std::string(1 << 20, 'x'));
  for (int i = 0; i < 18; ++i) world.queue().send(big);
  std::uint64_t largest = 0;
  std::size_t segments = 0;
  for (const std::string& name : world.spool_files()) {
    const auto shard = world.queue_dir()->open_dir("msgs")->open_dir(name.substr(0, 2));
    const std::uint64_t size = shard->status(name.substr(3))->size;
    largest = std::max(largest, size);
    segments += size > (2 << 20) ? 1U : 0U;
  }
  EXPECT_EQ(world.spool_files().size(), 3U);  // its own, the full one, the next
  EXPECT_LE(largest, std::uint64_t{17} << 20);
  EXPECT_GE(segments, 1U);
  EXPECT_EQ(drain(world.queue()).size(), 18U);
}

TEST(Segment, IsCutToItsRecordsAtClose) {
  StoreWorld world;
  world.queue().send_batch({text("1"), text("2")});
  const std::string name = world.spool_files().front();
  const auto shard = world.queue_dir()->open_dir("msgs")->open_dir(name.substr(0, 2));
  EXPECT_GE(shard->status(name.substr(3))->size, 65536U);
  world.reopen();
  EXPECT_LT(shard->status(name.substr(3))->size, 1000U);
  EXPECT_EQ(drain(world.queue()).size(), 2U);
}

}  // namespace
}  // namespace spoolmq::test

// What time and failures do to leases.
#include <gtest/gtest.h>

#include <set>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;

ReceiveOptions timed(Milliseconds lease) {
  ReceiveOptions options;
  options.kind = LeaseKind::kTimed;
  options.lease = lease;
  return options;
}

TEST(Lease, EndsAtItsDeadlineAndCountsAFailure) {
  StoreWorld world;
  world.queue().send(text("x"));
  const Receipt receipt = world.queue().receive()->detach();
  world.clock().advance(29'999ms);
  EXPECT_FALSE(world.queue().receive());
  world.clock().advance(1ms);
  const auto again = world.queue().receive();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->counters().deliveries, 2);
  EXPECT_EQ(again->counters().failures, 1);
  EXPECT_EQ(world.queue().ack(std::span(&receipt, 1)).front(), LeaseOutcome::kLost);
}

TEST(Lease, CannotBeAcknowledgedAfterItsDeadlineEvenIfNobodyTookOver) {
  StoreWorld world;
  world.queue().send(text("x"));
  auto delivery = world.queue().receive();
  world.clock().advance(30s);
  EXPECT_EQ(refusal([&] { delivery->ack(); }), ErrorCode::kLeaseLost);
}

TEST(Lease, CannotBeAcknowledgedThroughAnotherHandleAfterItsDeadline) {
  StoreWorld world;
  world.queue().send(text("x"));
  auto delivery = world.queue().receive();
  Queue other = world.open();
  world.clock().advance(30s);
  EXPECT_EQ(other.ack(std::vector{delivery->receipt()}), std::vector{LeaseOutcome::kLost});
}

TEST(Lease, DoesNotListenToTheWallClock) {
  StoreWorld world;
  world.queue().send(text("x"));
  auto delivery = world.queue().receive();
  world.clock().step_wall(10h);
  EXPECT_FALSE(world.queue().receive());
  delivery->ack();
}

TEST(Lease, RunsFromNowWhenExtended) {
  StoreWorld world;
  world.queue().send(text("x"));
  auto delivery = world.queue().receive();
  world.clock().advance(20s);
  delivery->extend(20s);
  world.clock().advance(19s);
  EXPECT_FALSE(world.queue().receive());
  delivery->extend(1s);  // shorter is allowed
  world.clock().advance(1s);
  EXPECT_TRUE(world.queue().receive());
}

TEST(Lease, OfTheReceiverOverridesTheQueues) {
  Settings settings;
  settings.lease = 5s;
  StoreWorld world(settings);
  const MessageId id = world.queue().send(text("x"));
  {
    const auto delivery = world.queue().receive();
    EXPECT_EQ(world.queue().status(id)->lease_left_ms, 5'000);
  }
  ReceiveOptions longer;
  longer.lease = 60s;
  const auto delivery = world.queue().receive(longer);
  EXPECT_EQ(world.queue().status(id)->lease_left_ms, 60'000);
}

TEST(Failures, EndDeadAtTheLimitWithAReason) {
  Settings settings;
  settings.max_failures = 3;
  settings.backoff = 0ms;
  StoreWorld world(settings);
  const MessageId id = world.queue().send(text("x"));
  for (int failure = 1; failure <= 3; ++failure) {
    auto delivery = world.queue().receive();
    ASSERT_TRUE(delivery) << failure;
    EXPECT_EQ(delivery->counters().failures, failure - 1);
    delivery->nack("no printer");
  }
  EXPECT_FALSE(world.queue().receive());
  const auto status = world.queue().status(id);
  EXPECT_EQ(status->state, State::kDead);
  EXPECT_EQ(status->reason, "max_failures: no printer");
  EXPECT_EQ(status->counters.deliveries, 3);
  EXPECT_EQ(status->counters.failures, 3);
}

TEST(Failures, OfExpiredLeasesEndDeadToo) {
  Settings settings;
  settings.max_failures = 1;
  StoreWorld world(settings);
  const MessageId id = world.queue().send(text("x"));
  static_cast<void>(world.queue().receive()->detach());
  world.clock().advance(30s);
  EXPECT_FALSE(world.queue().receive());
  EXPECT_EQ(world.queue().status(id)->reason, "max_failures: lease expired");
}

TEST(Failures, AreNotCountedByReleaseAndRevoke) {
  StoreWorld world;
  const MessageId id = world.queue().send(text("x"));
  world.queue().receive()->release();
  const Receipt receipt = world.queue().receive()->detach();
  EXPECT_EQ(world.queue().revoke(std::span(&id, 1)).changed.size(), 1U);
  EXPECT_EQ(world.queue().ack(std::span(&receipt, 1)).front(), LeaseOutcome::kLost);
  const auto third = world.queue().receive();
  ASSERT_TRUE(third);
  EXPECT_EQ(third->counters().deliveries, 3);
  EXPECT_EQ(third->counters().failures, 0);
}

TEST(Backoff, DoublesWithinTwentyPercentUpToItsCap) {
  Settings settings;
  settings.max_failures = 100;
  settings.backoff = 1s;
  settings.backoff_max = 10s;
  StoreWorld world(settings);
  const MessageId id = world.queue().send(text("x"));
  for (const std::int64_t expected : {1000, 2000, 4000, 8000, 10'000, 10'000}) {
    auto delivery = world.queue().receive();
    ASSERT_TRUE(delivery) << expected;
    delivery->nack();
    const auto status = world.queue().status(id);
    ASSERT_EQ(status->state, State::kDelayed);
    const std::int64_t delay = status->due_ms - world.clock().wall_ms();
    EXPECT_GE(delay, expected * 8 / 10);
    EXPECT_LE(delay, expected * 12 / 10);
    world.clock().advance(Milliseconds{delay - 1});
    EXPECT_FALSE(world.queue().receive());
    world.clock().advance(1ms);
  }
}

TEST(Backoff, IsSpreadSoThatAFailedBatchDoesNotReturnAtOnce) {
  StoreWorld world;
  std::vector<Message> batch(20, text("x"));
  world.queue().send_batch(batch);
  ReceiveOptions all;
  all.max = 20;
  std::vector<Delivery> deliveries = world.queue().receive_batch(all);
  for (Delivery& one : deliveries) one.nack();
  std::set<std::int64_t> times;
  for (const MessageStatus& one : everything(world.queue())) times.insert(one.due_ms);
  EXPECT_GT(times.size(), 5U);
}

TEST(Nack, WaitsExactlyAsLongAsItSays) {
  StoreWorld world;
  world.queue().send(text("x"));
  world.queue().receive()->nack("later", 90s);
  world.clock().advance(89'999ms);
  EXPECT_FALSE(world.queue().receive());
  world.clock().advance(1ms);
  auto delivery = world.queue().receive();
  ASSERT_TRUE(delivery);
  delivery->nack("at once", 0ms);
  EXPECT_TRUE(world.queue().receive());
}

TEST(Boot, EndsBoundLeasesAndLeavesTimedOnesTheirRest) {
  StoreWorld world;
  world.queue().send(text("bound"));
  world.queue().send(text("timed"));
  const Receipt bound = world.queue().receive()->detach();
  const Receipt held = world.queue().receive(timed(100s))->detach();
  world.clock().advance(10s);
  world.power_cut(30s);
  const auto back = world.queue().receive();
  ASSERT_TRUE(back);
  EXPECT_EQ(back->message().body, "bound");
  EXPECT_EQ(back->counters().failures, 1);
  EXPECT_EQ(world.queue().status(held.id)->lease_left_ms, 60'000);
  EXPECT_EQ(world.queue().ack(std::span(&bound, 1)).front(), LeaseOutcome::kLost);
  EXPECT_EQ(world.queue().ack(std::span(&held, 1)).front(), LeaseOutcome::kDone);
}

TEST(Boot, EndsTimedLeasesThatTheWallClockPassed) {
  StoreWorld world;
  world.queue().send(text("x"));
  const Receipt receipt = world.queue().receive(timed(100s))->detach();
  world.power_cut(101s);
  EXPECT_TRUE(world.queue().receive());
  EXPECT_EQ(world.queue().ack(std::span(&receipt, 1)).front(), LeaseOutcome::kLost);
}

TEST(Boot, ClampsATimedLeaseWhenTheWallClockWentBack) {
  StoreWorld world;
  world.queue().send(text("x"));
  const Receipt receipt = world.queue().receive(timed(100s))->detach();
  world.power_cut(-24h);
  EXPECT_EQ(world.queue().status(receipt.id)->lease_left_ms, 100'000);
  world.clock().advance(100s);
  EXPECT_TRUE(world.queue().receive());
}

TEST(Boot, LeavesATimedLeaseItsRestAlsoAfterAnOrderlyClose) {
  StoreWorld world;
  world.queue().send(text("x"));
  const Receipt receipt = world.queue().receive(timed(100s))->detach();
  world.clock().advance(10s);
  world.reopen();
  EXPECT_FALSE(world.queue().receive());
  EXPECT_EQ(world.queue().status(receipt.id)->lease_left_ms, 90'000);
}

TEST(BoundLease, EndsWhenItsHandleCloses) {
  StoreWorld world;
  world.queue().send(text("x"));
  Queue consumer = world.open();
  static_cast<void>(consumer.receive()->detach());
  consumer.close();
  EXPECT_TRUE(world.queue().receive());
}

TEST(TimedLease, OutlivesItsHandle) {
  StoreWorld world;
  world.queue().send(text("x"));
  Queue consumer = world.open();
  const Receipt receipt = consumer.receive(timed(10s))->detach();
  consumer.close();
  EXPECT_FALSE(world.queue().receive());
  EXPECT_EQ(world.queue().ack(std::span(&receipt, 1)).front(), LeaseOutcome::kDone);
}

}  // namespace
}  // namespace spoolmq::test

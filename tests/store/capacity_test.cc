// Bounded queues and rendezvous: what does not fit is refused or waits, and leaves nothing.
#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Bodies = std::vector<std::string>;

Settings bounded(std::int64_t capacity, Overflow overflow = Overflow::kReject) {
  Settings settings;
  settings.capacity = capacity;
  settings.overflow = overflow;
  return settings;
}

SendOptions within(Milliseconds timeout) {
  SendOptions options;
  options.timeout = timeout;
  return options;
}

void expect_untouched(StoreWorld& world, std::int64_t messages, std::size_t files) {
  EXPECT_EQ(total(world.queue()), messages);
  EXPECT_EQ(world.queue().stats().reserved, 0);
  EXPECT_EQ(world.spool_files().size(), files);
}

TEST(Capacity, RefusesOneMoreAndLeavesNothing) {
  StoreWorld world(bounded(2));
  world.queue().send(text("1"));
  world.queue().send(text("2"));
  const std::size_t files = world.spool_files().size();
  EXPECT_EQ(refusal([&] { world.queue().send(text("3")); }), ErrorCode::kTryAgain);
  expect_untouched(world, 2, files);
  EXPECT_EQ(take(world.queue()), "1");
  world.queue().send(text("3"));
  EXPECT_EQ(drain(world.queue()), (Bodies{"2", "3"}));
}

TEST(Capacity, CountsWhatIsLeasedDelayedAndHeldButNotWhatIsDead) {
  StoreWorld world(bounded(3));
  const MessageId held = world.queue().send(text("held"));
  Message later = text("delayed");
  later.not_before_ms = world.clock().wall_ms() + 1000;
  world.queue().hold(std::span(&held, 1), "");
  world.queue().send(later);
  world.queue().send(text("leased"));
  auto leased = world.queue().receive();
  ASSERT_TRUE(leased);
  EXPECT_EQ(refusal([&] { world.queue().send(text("x")); }), ErrorCode::kTryAgain);
  leased->reject();
  world.queue().send(text("x"));
}

TEST(Capacity, RefusesABatchLargerThanTheRoomWhole) {
  StoreWorld world(bounded(3));
  world.queue().send(text("1"));
  const std::size_t files = world.spool_files().size();
  EXPECT_EQ(refusal([&] {
              world.queue().send_batch({text("a"), text("b"), text("c")});
            }),
            ErrorCode::kTryAgain);
  expect_untouched(world, 1, files);
  world.queue().send_batch({text("a"), text("b")});
  EXPECT_EQ(drain(world.queue()), (Bodies{"1", "a", "b"}));
}

TEST(Capacity, BoundsBytesToo) {
  Settings settings;
  settings.max_bytes = 1000;
  StoreWorld world(settings);
  world.queue().send(text(std::string(500, 'x')));
  EXPECT_EQ(refusal([&] { world.queue().send(text(std::string(600, 'x'))); }),
            ErrorCode::kTryAgain);
  EXPECT_EQ(total(world.queue()), 1);
  EXPECT_EQ(world.queue().stats().reserved, 0);
  world.queue().send(text(std::string(100, 'x')));
}

TEST(Capacity, GivesTheSamePlaceToOneOfTwoHandles) {
  StoreWorld world(bounded(1));
  Queue other = world.open();
  world.queue().send(text("mine"));
  EXPECT_EQ(refusal([&] { other.send(text("too late")); }), ErrorCode::kTryAgain);
  EXPECT_EQ(take(other), "mine");
  other.send(text("theirs"));
  EXPECT_EQ(drain(world.queue()), Bodies{"theirs"});
}

TEST(Capacity, ReturnsThePlaceOfASendThatFailed) {
  bool failed = true;
  for (std::uint64_t n = 1; failed || n < 8; ++n) {
    StoreWorld world(bounded(2));
    world.queue().send(text("first"));
    world.disk().fail_at(n, EIO);
    failed = refusal([&] { world.queue().send(text("x")); }).has_value();
    world.disk().stop_failing();
    EXPECT_EQ(world.queue().stats().reserved, 0) << n;
    const std::int64_t there = total(world.queue());
    EXPECT_TRUE(there == 2 || (failed && there == 1)) << n << ": " << there;
  }
}

TEST(Capacity, MakesABlockingSenderWaitForRoom) {
  StoreWorld world(bounded(1, Overflow::kBlock), On::kDisk);
  world.queue().send(text("1"));
  std::atomic<bool> sent{false};
  std::jthread sender([&] {
    Queue own = world.open();
    own.send(text("2"));
    sent = true;
  });
  EXPECT_TRUE(eventually([&] { return world.queue().consumers().size() == 2; }));
  EXPECT_FALSE(sent);
  EXPECT_EQ(take(world.queue()), "1");
  EXPECT_TRUE(eventually([&] { return sent.load(); }));
  EXPECT_EQ(take(world.queue()), "2");
}

TEST(Capacity, LetsABlockingSenderGiveUp) {
  StoreWorld world(bounded(1, Overflow::kBlock));
  world.queue().send(text("1"));
  EXPECT_EQ(refusal([&] { world.queue().send(text("2"), within(0ms)); }), ErrorCode::kTryAgain);
  EXPECT_EQ(total(world.queue()), 1);
  EXPECT_EQ(world.queue().stats().reserved, 0);
}

TEST(Rendezvous, ReturnsOnlyAfterAReceiverTookTheMessage) {
  StoreWorld world(bounded(0), On::kDisk);
  std::atomic<bool> sent{false};
  std::jthread sender([&] {
    Queue own = world.open();
    own.send(text("x"));
    sent = true;
  });
  EXPECT_TRUE(eventually([&] { return count(world.queue(), State::kReady) == 1; }));
  EXPECT_FALSE(sent);
  auto delivery = world.queue().receive();
  ASSERT_TRUE(delivery);
  EXPECT_TRUE(eventually([&] { return sent.load(); }));
  delivery->ack();
  EXPECT_EQ(world.queue().stats().reserved, 0);
}

TEST(Rendezvous, WithdrawsTheMessageAtItsTimeout) {
  StoreWorld world(bounded(0));
  EXPECT_EQ(refusal([&] { world.queue().send(text("x"), within(0ms)); }), ErrorCode::kTryAgain);
  EXPECT_FALSE(world.queue().receive());
  world.queue().maintain();
  expect_untouched(world, 0, 0);
}

TEST(Rendezvous, WithdrawsABodyOfAnySizeAtItsTimeout) {
  Settings settings = bounded(0);
  settings.body_inline = 100;
  StoreWorld world(settings);
  EXPECT_EQ(refusal([&] { world.queue().send(text(std::string(5000, 'x')), within(0ms)); }),
            ErrorCode::kTryAgain);
  world.queue().maintain();
  expect_untouched(world, 0, 0);
}

TEST(Rendezvous, LeavesNothingToTheNextHandleAfterItsTimeout) {
  StoreWorld world(bounded(0), On::kDisk);
  {
    Queue own = world.open();
    EXPECT_EQ(refusal([&] { own.send(text("x"), within(0ms)); }), ErrorCode::kTryAgain);
  }
  EXPECT_FALSE(world.queue().receive());
  expect_untouched(world, 0, 0);
}

TEST(Rendezvous, WaitsNoLongerThanItsTimeout) {
  StoreWorld world(bounded(0));
  Queue& queue = world.queue();
  std::optional<ErrorCode> outcome;
  std::atomic<bool> over{false};
  std::jthread sender([&] {
    outcome = refusal([&] { queue.send(text("x"), within(60s)); });
    over = true;
  });
  EXPECT_TRUE(eventually([&] {
    world.clock().advance(1s);
    return over.load();
  }));
  sender.join();
  EXPECT_EQ(outcome, ErrorCode::kTryAgain);
  EXPECT_EQ(total(world.queue()), 0);
}

TEST(Rendezvous, SendsABatchOnlyOnceAllOfItIsTaken) {
  StoreWorld world(bounded(0), On::kDisk);
  std::atomic<bool> sent{false};
  std::jthread sender([&] {
    Queue own = world.open();
    own.send_batch({text("1"), text("2")});
    sent = true;
  });
  EXPECT_TRUE(eventually([&] { return count(world.queue(), State::kReady) == 2; }));
  EXPECT_EQ(take(world.queue()), "1");
  EXPECT_FALSE(sent);
  EXPECT_EQ(take(world.queue()), "2");
  EXPECT_TRUE(eventually([&] { return sent.load(); }));
}

}  // namespace
}  // namespace spoolmq::test

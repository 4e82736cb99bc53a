// The wall clock set back by a day, and forward by ten years, while something waits for it.
#include <gtest/gtest.h>

#include <algorithm>

#include "store/layout.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Bodies = std::vector<std::string>;

constexpr Milliseconds kDay = 24h;
constexpr Milliseconds kTenYears = 24h * 3652;

Settings with_times() {
  Settings settings;
  settings.backoff = 10s;
  settings.max_failures = 1000;
  settings.archive = 1h;
  settings.dedupe_window = 10min;
  return settings;
}

class ClockStep : public ::testing::Test {
 protected:
  Queue& queue() { return world_.queue(); }
  FakeClock& clock() { return world_.clock(); }
  Message with_dedupe_key(std::string body) {
    Message message = text(std::move(body));
    message.dedupe_key = "k";
    return message;
  }
  StoreWorld world_{with_times()};
};

TEST_F(ClockStep, BackKeepsNobodyInBackOffForLonger) {
  queue().send(text("x"));
  queue().receive()->nack("not now");
  clock().step_wall(-kDay);
  queue().stats();       // whoever comes next
  clock().advance(13s);  // 10 s and a fifth
  EXPECT_EQ(take(queue()), "x");
}

TEST_F(ClockStep, BackKeepsNoDelayForLonger) {
  Message message = text("x");
  message.not_before_ms = clock().wall_ms() + 10'000;
  queue().send(message);
  clock().step_wall(-kDay);
  EXPECT_EQ(take(queue()), "(none)");
  clock().advance(10s);
  EXPECT_EQ(take(queue()), "x");
}

TEST_F(ClockStep, BackKeepsNoMessageAliveForLonger) {
  Message message = text("x");
  message.expires_at_ms = clock().wall_ms() + 10'000;
  const MessageId id = queue().send(message);
  clock().step_wall(-kDay);
  queue().stats();
  clock().advance(11s);
  EXPECT_EQ(take(queue()), "(none)");
  EXPECT_EQ(queue().status(id)->state, State::kDead);
}

TEST_F(ClockStep, BackKeepsNoDedupeKeyForLonger) {
  queue().send(with_dedupe_key("x"));
  clock().step_wall(-kDay);
  EXPECT_TRUE(queue().send_checked(with_dedupe_key("again")).duplicate);
  clock().advance(11min);
  EXPECT_FALSE(queue().send_checked(with_dedupe_key("another")).duplicate);
}

TEST_F(ClockStep, BackKeepsNothingArchivedForLonger) {
  const MessageId id = queue().send(text("x"));
  EXPECT_EQ(take(queue()), "x");
  clock().step_wall(-kDay);
  queue().stats();
  EXPECT_EQ(queue().status(id)->state, State::kArchived);
  clock().advance(1h + 1s);
  queue().sweep();
  EXPECT_FALSE(queue().status(id));
}

TEST_F(ClockStep, BackKeepsNoFileOfWhatIsAcknowledged) {
  const SettingText none[] = {{"archive", "0s"}};
  queue().configure(none);
  queue().send(text("x"));
  EXPECT_EQ(take(queue()), "x");
  clock().step_wall(-kDay);
  queue().stats();
  clock().advance(3s);
  queue().maintain();
  EXPECT_TRUE(world_.spool_files().empty());
}

TEST_F(ClockStep, NeitherWayEndsALeaseOrMakesItLast) {
  for (const Milliseconds step : {kTenYears, -kDay}) {
    queue().send(text("x"));
    ReceiveOptions options;
    options.lease = 30s;
    auto delivery = queue().receive(options);
    ASSERT_TRUE(delivery);
    clock().step_wall(step);
    clock().advance(29s);
    EXPECT_FALSE(queue().receive()) << "a lease ended early";
    delivery->ack();
  }
  queue().send(text("y"));
  ReceiveOptions timed;
  timed.lease = 30s;
  timed.kind = LeaseKind::kTimed;
  queue().receive(timed)->detach();
  clock().step_wall(-kDay);
  clock().advance(29s);
  EXPECT_EQ(take(queue()), "(none)");
  clock().advance(1s);
  EXPECT_EQ(take(queue()), "y");
}

// Nor where everybody closed meanwhile: who opens next is in the same boot.
TEST_F(ClockStep, NeitherWayReachesALeaseThroughAnOrderlyClose) {
  ReceiveOptions timed;
  timed.lease = 30s;
  timed.kind = LeaseKind::kTimed;
  for (const Milliseconds step : {kTenYears, -kDay}) {
    queue().send(text("x"));
    const Receipt receipt = queue().receive(timed)->detach();
    world_.reopen();
    clock().step_wall(step);
    EXPECT_EQ(queue().status(receipt.id)->lease_left_ms, 30'000);
    clock().advance(29s);
    world_.reopen();
    EXPECT_EQ(take(queue()), "(none)");
    clock().advance(1s);
    EXPECT_EQ(take(queue()), "x");
  }
}

TEST_F(ClockStep, NeitherWayRepeatsAnIdOrChangesTheOrder) {
  std::vector<MessageId> ids;
  Bodies sent;
  Queue other = world_.open();
  for (const Milliseconds step : {0ms, kTenYears, -kTenYears, -kDay, kDay}) {
    clock().step_wall(step);
    Queue fresh = world_.open();
    for (Queue* const one : {&queue(), &other, &fresh}) {
      sent.push_back(std::to_string(sent.size()));
      ids.push_back(one->send(text(sent.back())));
    }
  }
  // In each handle they grow.
  for (std::size_t i = 3; i < ids.size(); ++i) {
    if (i % 3 == 2) continue;  // of a handle of its own each
    EXPECT_LT(ids[i - 3], ids[i]);
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
  EXPECT_EQ(drain(queue()), sent);
}

TEST_F(ClockStep, ForwardLosesNothingButLetsTimesEnd) {
  Message mortal = text("mortal");
  mortal.expires_at_ms = clock().wall_ms() + 3'600'000;
  const MessageId id = queue().send(mortal);
  Message late = text("late");
  late.not_before_ms = clock().wall_ms() + 3'600'000;
  queue().send(late);
  queue().send(text("plain"));
  clock().step_wall(kTenYears);
  Bodies all = drain(queue());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (Bodies{"late", "plain"}));
  EXPECT_EQ(queue().status(id)->reason, "expired");
  EXPECT_EQ(queue().requeue(std::span(&id, 1)).changed.size(), 1U);
  clock().step_wall(-kTenYears);
  EXPECT_EQ(take(queue()), "mortal");
}

// Confirmed without its row, by a handle that was opened before the step, and died.
TEST_F(ClockStep, BackHidesNoFileFromWhoReapsItsSender) {
  OpenOptions options = StoreWorld::no_thread();
  options.lock_wait = Milliseconds{1};
  {
    Queue sender = world_.open("q", options);
    clock().step_wall(-2 * kDay);
    const auto lock = world_.queue_dir()->open("lock", Access::kReadWrite);
    ASSERT_TRUE(lock->try_lock(layout::kByteIndexWriter, 1, LockKind::kExclusive));
    sender.send(text("x"));
    auto left = world_.disk().after_kill();
    Root root = Root::open(std::shared_ptr<Dir>(left->root()),
                           std::shared_ptr<Clock>(&clock(), [](Clock*) {}));
    OpenOptions later = StoreWorld::no_thread();
    later.clock = std::shared_ptr<Clock>(&clock(), [](Clock*) {});
    Queue receiver = root.open_queue("q", later);
    EXPECT_EQ(take(receiver), "x");
    receiver.close();
  }
}

}  // namespace
}  // namespace spoolmq::test

// Which message comes next, and when: priority, delay, time to live.
#include <gtest/gtest.h>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Bodies = std::vector<std::string>;

Message with_priority(std::string body, std::uint16_t priority) {
  Message message = text(std::move(body));
  message.priority = priority;
  return message;
}

class Schedule : public ::testing::Test {
 protected:
  Message delayed(std::string body, Milliseconds delay) {
    Message message = text(std::move(body));
    message.not_before_ms = world_.clock().wall_ms() + delay.count();
    return message;
  }
  Message mortal(std::string body, Milliseconds ttl) {
    Message message = text(std::move(body));
    message.expires_at_ms = world_.clock().wall_ms() + ttl.count();
    return message;
  }
  StoreWorld world_;
  Queue& queue_ = world_.queue();
};

TEST_F(Schedule, KeepsTheOrderOfSending) {
  queue_.send(text("1"));
  queue_.send_batch({text("2"), text("3")});
  queue_.send(text("4"));
  EXPECT_EQ(drain(queue_), (Bodies{"1", "2", "3", "4"}));
}

TEST_F(Schedule, PutsHigherPrioritiesFirstAndKeepsTheOrderWithin) {
  queue_.send(with_priority("low 1", 0));
  queue_.send(with_priority("high 1", kMaxPriority));
  queue_.send(text("default"));
  queue_.send(with_priority("low 2", 0));
  queue_.send(with_priority("high 2", kMaxPriority));
  EXPECT_EQ(drain(queue_), (Bodies{"high 1", "high 2", "default", "low 1", "low 2"}));
}

TEST_F(Schedule, RefusesAPriorityAboveTheHighest) {
  EXPECT_EQ(refusal([&] { queue_.send(with_priority("x", kMaxPriority + 1)); }),
            ErrorCode::kBadData);
  EXPECT_EQ(total(queue_), 0);
}

TEST_F(Schedule, ShowsWhatIsNextInTheOrderOfDelivery) {
  queue_.send(with_priority("low", 0));
  queue_.send(with_priority("high", 9));
  queue_.send(text("middle"));
  queue_.send(delayed("not yet", 1h));
  Bodies bodies;
  for (const MessageStatus& one : queue_.next_ready(10)) {
    bodies.push_back(queue_.load(one.id)->body);
  }
  EXPECT_EQ(bodies, (Bodies{"high", "middle", "low"}));
  EXPECT_EQ(queue_.next_ready(1).size(), 1U);
  EXPECT_EQ(count(queue_, State::kReady), 3);
}

TEST_F(Schedule, ReturnsAReleasedMessageToItsPlace) {
  queue_.send(text("1"));
  queue_.send(text("2"));
  queue_.receive()->release();
  EXPECT_EQ(drain(queue_), (Bodies{"1", "2"}));
}

TEST_F(Schedule, DeliversADelayedMessageWhenItIsDue) {
  const MessageId id = queue_.send(delayed("x", 10s));
  EXPECT_EQ(queue_.status(id)->state, State::kDelayed);
  EXPECT_EQ(queue_.status(id)->due_ms, world_.clock().wall_ms() + 10'000);
  world_.clock().advance(9'999ms);
  EXPECT_FALSE(queue_.receive());
  world_.clock().advance(1ms);
  EXPECT_EQ(take(queue_), "x");
}

TEST_F(Schedule, LetsOthersPassADelayedMessage) {
  queue_.send(delayed("late", 10s));
  queue_.send(text("now"));
  EXPECT_EQ(drain(queue_), Bodies{"now"});
}

TEST_F(Schedule, LetsAnExpiredMessageGoDead) {
  const MessageId id = queue_.send(mortal("x", 5s));
  world_.clock().advance(4'999ms);
  queue_.receive()->release();
  world_.clock().advance(1ms);
  EXPECT_FALSE(queue_.receive());
  EXPECT_EQ(queue_.status(id)->state, State::kDead);
  EXPECT_EQ(queue_.status(id)->reason, "expired");
}

TEST_F(Schedule, LetsADelayedMessageExpire) {
  Message message = mortal("x", 5s);
  message.not_before_ms = world_.clock().wall_ms() + 3'600'000;
  const MessageId id = queue_.send(message);
  world_.clock().advance(5s);
  EXPECT_FALSE(queue_.receive());
  EXPECT_EQ(queue_.status(id)->reason, "expired");
}

TEST_F(Schedule, LetsAMessageBehindItsKeyExpire) {
  queue_.send(keyed("head", "k"));
  Message message = mortal("second", 5s);
  message.order_key = "k";
  const MessageId second = queue_.send(message);
  queue_.send(keyed("third", "k"));
  auto head = queue_.receive();
  ASSERT_TRUE(head);
  world_.clock().advance(5s);
  EXPECT_FALSE(queue_.receive());
  EXPECT_EQ(queue_.status(second)->reason, "expired");
  head->ack();
  EXPECT_EQ(drain(queue_), Bodies{"third"});
}

TEST_F(Schedule, LetsALeasedMessageFinishAfterItsTime) {
  queue_.send(mortal("x", 5s));
  auto delivery = queue_.receive();
  world_.clock().advance(6s);
  EXPECT_FALSE(queue_.receive());
  delivery->ack();
  EXPECT_EQ(total(queue_), 0);
}

TEST_F(Schedule, GivesEveryMessageTheQueuesTimeToLive) {
  queue_.configure(std::vector<SettingText>{{"ttl", "1m"}});
  const MessageId by_queue = queue_.send(text("x"));
  const MessageId by_message = queue_.send(mortal("y", 10min));
  EXPECT_EQ(queue_.status(by_queue)->expires_at_ms, world_.clock().wall_ms() + 60'000);
  EXPECT_EQ(queue_.status(by_message)->expires_at_ms, world_.clock().wall_ms() + 600'000);
}

// A delay never lasts longer than it was asked for, even if the wall clock went back with the boot.
TEST(ScheduleAcrossBoots, KeepsADelayToItsLength) {
  StoreWorld world;
  Message late = text("late");
  late.not_before_ms = world.clock().wall_ms() + 60'000;
  world.queue().send(late);
  world.power_cut(-10h);
  EXPECT_EQ(take(world.queue()), "(none)");
  world.clock().advance(61s);
  EXPECT_EQ(take(world.queue()), "late");
}

}  // namespace
}  // namespace spoolmq::test

// Order keys: of one key strictly in order and one at a time, whatever happens to the head.
#include <gtest/gtest.h>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Bodies = std::vector<std::string>;

class OrderKey : public ::testing::Test {
 protected:
  MessageId send(const std::string& body, const std::string& key = "k") {
    return queue().send(keyed(body, key));
  }
  Queue& queue() { return world_.queue(); }
  void stop_on_dead() { queue().configure(std::vector<SettingText>{{"order-on-dead", "stop"}}); }
  StoreWorld world_;
};

TEST_F(OrderKey, AllowsOneLeaseAtATime) {
  send("1");
  send("2");
  auto first = queue().receive();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->message().body, "1");
  EXPECT_FALSE(queue().receive());
  first->ack();
  EXPECT_EQ(take(queue()), "2");
}

TEST_F(OrderKey, KeepsABatchFromTakingTwoOfOneKey) {
  for (int i = 0; i < 3; ++i) {
    send("a", "a");
    send("b", "b");
    queue().send(text("free"));
  }
  ReceiveOptions many;
  many.max = 100;
  const auto deliveries = queue().receive_batch(many);
  EXPECT_EQ(deliveries.size(), 5U);  // one a, one b, three without a key
}

TEST_F(OrderKey, LetsOtherKeysPass) {
  send("a1", "a");
  send("a2", "a");
  send("b1", "b");
  const auto a1 = queue().receive();
  const auto b1 = queue().receive();
  ASSERT_TRUE(b1);
  EXPECT_EQ(b1->message().body, "b1");
  EXPECT_FALSE(queue().receive());
}

TEST_F(OrderKey, WaitsBehindANackedHead) {
  send("1");
  send("2");
  queue().receive()->nack("busy", 10s);
  EXPECT_FALSE(queue().receive());
  world_.clock().advance(10s);
  EXPECT_EQ(drain(queue()), (Bodies{"1", "2"}));
}

TEST_F(OrderKey, WaitsBehindADelayedHead) {
  Message delayed = keyed("1", "k");
  delayed.not_before_ms = world_.clock().wall_ms() + 10'000;
  queue().send(delayed);
  send("2");
  EXPECT_FALSE(queue().receive());
  world_.clock().advance(10s);
  EXPECT_EQ(drain(queue()), (Bodies{"1", "2"}));
}

TEST_F(OrderKey, WaitsBehindADelayedMessageInTheMiddle) {
  send("1");
  Message delayed = keyed("2", "k");
  delayed.not_before_ms = world_.clock().wall_ms() + 10'000;
  queue().send(delayed);
  send("3");
  EXPECT_EQ(drain(queue()), Bodies{"1"});
  world_.clock().advance(10s);
  EXPECT_EQ(drain(queue()), (Bodies{"2", "3"}));
}

TEST_F(OrderKey, DoesNotLetADelayedMessagePassItsHead) {
  send("1");
  Message delayed = keyed("2", "k");
  delayed.not_before_ms = world_.clock().wall_ms() + 10'000;
  queue().send(delayed);
  const auto first = queue().receive();
  world_.clock().advance(10s);
  EXPECT_FALSE(queue().receive());
}

TEST_F(OrderKey, WaitsBehindAHeldHead) {
  const MessageId head = send("1");
  send("2");
  queue().hold(std::span(&head, 1), "wait");
  EXPECT_FALSE(queue().receive());
  queue().unhold(std::span(&head, 1));
  EXPECT_EQ(drain(queue()), (Bodies{"1", "2"}));
}

TEST_F(OrderKey, KeepsItsPlaceWhenHeldAndLetGoBehindItsHead) {
  send("1");
  const MessageId second = send("2");
  send("3");
  queue().hold(std::span(&second, 1), "");
  queue().unhold(std::span(&second, 1));
  EXPECT_EQ(drain(queue()), (Bodies{"1", "2", "3"}));
}

TEST_F(OrderKey, GoesOnAfterADeadHead) {
  send("1");
  send("2");
  queue().receive()->reject();
  EXPECT_EQ(drain(queue()), Bodies{"2"});
}

TEST_F(OrderKey, GoesOnWhenTheHeadIsDeleted) {
  const MessageId head = send("1");
  send("2");
  queue().remove(std::span(&head, 1));
  EXPECT_EQ(drain(queue()), Bodies{"2"});
}

TEST_F(OrderKey, StopsAtADeadHeadWhereToldTo) {
  stop_on_dead();
  const MessageId head = send("1");
  send("2");
  send("other", "o");
  queue().receive()->reject();
  send("3");
  EXPECT_EQ(drain(queue()), Bodies{"other"});
  queue().requeue(std::span(&head, 1));
  EXPECT_EQ(drain(queue()), (Bodies{"2", "3", "1"}));
}

TEST_F(OrderKey, GoesOnWhenTheDeadStopperIsDeleted) {
  stop_on_dead();
  const MessageId head = send("1");
  send("2");
  queue().receive()->reject();
  queue().remove(std::span(&head, 1));
  EXPECT_EQ(drain(queue()), Bodies{"2"});
}

TEST_F(OrderKey, StopsAlsoAtOneThatExpiredBehindTheHead) {
  stop_on_dead();
  send("1");
  Message mortal = keyed("2", "k");
  mortal.expires_at_ms = world_.clock().wall_ms() + 1'000;
  queue().send(mortal);
  send("3");
  auto first = queue().receive();
  world_.clock().advance(1s);
  EXPECT_FALSE(queue().receive());
  first->ack();
  EXPECT_FALSE(queue().receive());
}

TEST_F(OrderKey, StaysStoppedUntilTheLastDeadOneIsGone) {
  stop_on_dead();
  const MessageId one = send("1");
  const MessageId two = send("2");
  send("3");
  queue().receive()->reject();
  queue().requeue(std::span(&one, 1));  // order is now 2, 3, 1
  queue().receive()->reject();          // 2
  EXPECT_FALSE(queue().receive());
  queue().remove(std::span(&two, 1));
  EXPECT_EQ(drain(queue()), (Bodies{"3", "1"}));
}

TEST_F(OrderKey, PutsARequeuedMessageLast) {
  const MessageId head = send("1");
  send("2");
  send("3");
  queue().receive()->reject();
  queue().requeue(std::span(&head, 1));
  EXPECT_EQ(drain(queue()), (Bodies{"2", "3", "1"}));
}

TEST_F(OrderKey, PutsADeadMessageLastThatIsHeldAndLetGo) {
  const MessageId head = send("1");
  send("2");
  queue().receive()->reject();
  queue().hold(std::span(&head, 1), "");
  auto second = queue().receive();
  ASSERT_TRUE(second);
  queue().unhold(std::span(&head, 1));
  EXPECT_FALSE(queue().receive());
  second->ack();
  EXPECT_EQ(drain(queue()), Bodies{"1"});
}

TEST_F(OrderKey, ComparesPrioritiesOfHeadsOnly) {
  Message urgent = keyed("a2", "a");
  urgent.priority = 100;
  send("a1", "a");
  queue().send(urgent);
  Message middle = keyed("b1", "b");
  middle.priority = 50;
  queue().send(middle);
  EXPECT_EQ(drain(queue()), (Bodies{"b1", "a1", "a2"}));
}

TEST_F(OrderKey, ComesBackInOrderWhenLeasesExpire) {
  for (int i = 0; i < 4; ++i) send(std::to_string(i));
  static_cast<void>(queue().receive()->detach());
  world_.clock().advance(30s);
  EXPECT_EQ(drain(queue()), (Bodies{"0", "1", "2", "3"}));
}

// One that dies lets the next go ahead, which dies in the same transaction.
TEST_F(OrderKey, CountsRightWhereSeveralExpireAtOnce) {
  for (int i = 0; i < 3; ++i) {
    Message mortal = keyed(std::to_string(i), "a");
    mortal.expires_at_ms = world_.clock().wall_ms() + 1000;
    queue().send(mortal);
  }
  world_.clock().advance(2s);
  EXPECT_FALSE(queue().receive());
  EXPECT_EQ(count(queue(), State::kDead), 3);
  EXPECT_TRUE(queue().fsck(FsckMode::kLook).empty());
}

TEST_F(OrderKey, HoldsAcrossARestartAndARebuild) {
  const MessageId head = send("1");
  send("2");
  queue().hold(std::span(&head, 1), "wait");
  queue().maintain();
  queue().fsck(FsckMode::kRebuildIndex);
  EXPECT_FALSE(queue().receive());
  world_.power_cut(1s);
  EXPECT_FALSE(queue().receive());
  queue().unhold(std::span(&head, 1));
  EXPECT_EQ(drain(queue()), (Bodies{"1", "2"}));
}

}  // namespace
}  // namespace spoolmq::test

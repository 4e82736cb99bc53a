// Waiting: for a message, for something that becomes due, for a message to be settled.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

ReceiveOptions waiting(std::optional<Milliseconds> wait) {
  ReceiveOptions options;
  options.wait = wait;
  return options;
}

OpenOptions real_time() {
  OpenOptions options;
  options.clock = std::make_shared<SystemClock>();
  return options;
}

bool somebody_waits(Queue& queue) {
  for (const Consumer& one : queue.consumers()) {
    if (one.waiting) return true;
  }
  return false;
}

class Waiting : public ::testing::Test {
 protected:
  StoreWorld world_{Settings{}, On::kDisk};
  Queue receiver_ = world_.open("q", real_time());
  Queue sender_ = world_.open("q", real_time());
};

// One of those who wait looks out for what becomes ready by itself; the others sleep for seconds,
// and hear of it from him.
TEST_F(Waiting, TellsTheOthersWhatBecameDue) {
  Queue another = world_.open("q", real_time());
  auto fastest = Steady::duration::max();
  for (int i = 0; i < 3; ++i) {
    std::atomic<int> taken{0};
    const auto take_one = [&](Queue& queue) {
      if (auto delivery = queue.receive(waiting(20s))) {
        delivery->ack();
        ++taken;
      }
    };
    Steady::time_point before;
    {
      std::jthread one([&] { take_one(receiver_); });
      std::jthread two([&] { take_one(another); });
      EXPECT_TRUE(eventually([&] {
        const auto all = sender_.consumers();
        return std::count_if(all.begin(), all.end(), [](const Consumer& c) { return c.waiting; }) ==
               2;
      }));
      std::vector<Message> later{text("a"), text("b")};
      for (Message& message : later) message.not_before_ms = SystemClock().wall_ms() + 100;
      before = Steady::now();
      sender_.send_batch(std::move(later));
    }
    fastest = std::min(fastest, Steady::now() - before);
    EXPECT_EQ(taken, 2);
  }
  EXPECT_LT(fastest, 1500ms);
}

// Faster than the look that is taken every 250 ms anyway: at least one of a few tries.
TEST_F(Waiting, IsWokenByASendOfAnotherHandle) {
  auto fastest = Steady::duration::max();
  for (int i = 0; i < 5; ++i) {
    std::string body;
    Steady::time_point woken;
    std::jthread waiter([&] {
      auto delivery = receiver_.receive(waiting(20s));
      woken = Steady::now();
      if (!delivery) return;
      body = delivery->message().body;
      delivery->ack();
    });
    EXPECT_TRUE(eventually([&] { return somebody_waits(sender_); }));
    const auto before = Steady::now();
    sender_.send(text("x"));
    waiter.join();
    EXPECT_EQ(body, "x");
    fastest = std::min(fastest, woken - before);
  }
  EXPECT_LT(fastest, 150ms);
}

TEST_F(Waiting, IsWokenByASendOfAnotherThreadOnTheSameHandle) {
  std::jthread sender([&] {
    EXPECT_TRUE(eventually([&] { return somebody_waits(sender_); }));
    receiver_.send(text("x"));
  });
  auto delivery = receiver_.receive(waiting(20s));
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->message().body, "x");
}

// What is done is done before the next is there.
TEST_F(Waiting, AcknowledgesBeforeItWaitsForTheNext) {
  sender_.send(text("1"));
  std::vector<Delivery> got = receiver_.receive_batch({});
  const Receipt done = got.at(0).receipt();
  {
    std::jthread waits([&] { got = receiver_.ack_and_receive(got, waiting(20s)); });
    EXPECT_TRUE(eventually([&] { return somebody_waits(sender_); }));
    EXPECT_EQ(sender_.ack({&done, 1}).at(0), LeaseOutcome::kRepeated);
    sender_.send(text("2"));
  }
  EXPECT_EQ(body_of(got.at(0)), "2");
}

TEST_F(Waiting, ReturnsWhenADelayIsOver) {
  Message later = text("x");
  later.not_before_ms = SystemClock().wall_ms() + 60;
  sender_.send(later);
  const auto before = Steady::now();
  EXPECT_TRUE(receiver_.receive(waiting(20s)));
  EXPECT_LT(Steady::now() - before, 2s);
}

TEST_F(Waiting, ReturnsWhenALeaseRunsOut) {
  sender_.send(text("x"));
  ReceiveOptions brief;
  brief.lease = 50ms;
  static_cast<void>(sender_.receive(brief)->detach());
  auto delivery = receiver_.receive(waiting(20s));
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->counters().failures, 1);
}

TEST_F(Waiting, ReturnsWhenTheHoldersHandleIsGone) {
  sender_.send(text("x"));
  static_cast<void>(sender_.receive()->detach());
  std::jthread leaver([&] {
    EXPECT_TRUE(eventually([&] { return somebody_waits(sender_); }));
    sender_.close();
  });
  EXPECT_TRUE(receiver_.receive(waiting(20s)));
}

TEST_F(Waiting, EndsEmptyAtItsTimeout) {
  const auto before = Steady::now();
  EXPECT_FALSE(receiver_.receive(waiting(30ms)));
  EXPECT_GE(Steady::now() - before, 29ms);
}

TEST_F(Waiting, EndsWhenCancelled) {
  std::atomic<bool> stop{false};
  ReceiveOptions options = waiting(std::nullopt);
  options.cancelled = [&] { return stop.load(); };
  std::jthread stopper([&] {
    EXPECT_TRUE(eventually([&] { return somebody_waits(sender_); }));
    stop = true;
  });
  EXPECT_FALSE(receiver_.receive(options));
}

TEST_F(Waiting, GoesOnWhileReceivingIsPaused) {
  sender_.pause({true, false, 0, "", ""});
  sender_.send(text("x"));
  std::jthread resumer([&] {
    EXPECT_TRUE(eventually([&] { return somebody_waits(sender_); }));
    sender_.resume();
  });
  EXPECT_TRUE(receiver_.receive(waiting(20s)));
}

TEST_F(Waiting, TakesEachMessageOnceWithManyWaiters) {
  constexpr int kWaiters = 6;
  std::atomic<int> got{0};
  {
    std::vector<std::jthread> waiters;
    for (int i = 0; i < kWaiters; ++i) {
      waiters.emplace_back([&] {
        if (auto delivery = receiver_.receive(waiting(20s))) {
          delivery->ack();
          ++got;
        }
      });
    }
    for (int i = 0; i < kWaiters; ++i) sender_.send(text("x"));
  }
  EXPECT_EQ(got, kWaiters);
  EXPECT_EQ(total(sender_), 0);
}

TEST_F(Waiting, ForAMessageToBeSettledEndsWithItsAck) {
  const MessageId id = sender_.send(text("x"));
  std::jthread consumer([&] {
    auto delivery = receiver_.receive(waiting(20s));
    ASSERT_TRUE(delivery);
    delivery->ack();
  });
  EXPECT_EQ(sender_.wait_settled(id, 20s), Settled::kAcked);
}

TEST(WaitSettled, TellsWhatBecameOfAMessage) {
  StoreWorld world;
  Queue& queue = world.queue();
  const MessageId waiting_one = queue.send(text("waits"));
  EXPECT_EQ(queue.wait_settled(waiting_one, 0ms), Settled::kTimeout);
  auto delivery = queue.receive();
  EXPECT_EQ(queue.wait_settled(waiting_one, 0ms), Settled::kTimeout);
  delivery->ack();
  EXPECT_EQ(queue.wait_settled(waiting_one, 0ms), Settled::kAcked);
  world.clock().advance(10s);
  queue.maintain();
  queue.maintain();
  EXPECT_EQ(queue.wait_settled(waiting_one, 0ms), Settled::kAcked);

  const MessageId dead = queue.send(text("dies"));
  queue.receive()->reject();
  EXPECT_EQ(queue.wait_settled(dead, 0ms), Settled::kDead);

  const MessageId deleted = queue.send(text("is deleted"));
  queue.remove(std::span(&deleted, 1));
  EXPECT_EQ(queue.wait_settled(deleted, 0ms), Settled::kDead);
}

TEST(WaitSettled, CountsAnArchivedMessageAsAcknowledged) {
  Settings settings;
  settings.archive = 1h;
  StoreWorld world(settings);
  const MessageId id = world.queue().send(text("x"));
  EXPECT_EQ(take(world.queue()), "x");
  EXPECT_EQ(world.queue().wait_settled(id, 0ms), Settled::kAcked);
}

}  // namespace
}  // namespace spoolmq::test

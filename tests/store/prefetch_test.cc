// Messages that a receiver has leased ahead of its calls (ReceiveOptions::prefetch).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <thread>

#include "core/names.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Bodies = std::vector<std::string>;

ReceiveOptions ahead(std::size_t count) {
  ReceiveOptions options;
  options.prefetch = count;
  return options;
}

class Prefetch : public ::testing::Test {
 protected:
  Queue& queue() { return world_.queue(); }
  void send(int count) {
    std::vector<Message> messages;
    for (int i = 0; i < count; ++i) messages.push_back(text(std::to_string(i)));
    queue().send_batch(std::move(messages));
  }
  int in_trace(std::string_view begin, std::string_view end) {
    const std::vector<std::string> trace = world_.disk().trace();
    return static_cast<int>(std::ranges::count_if(trace, [&](const std::string& one) {
      return one.starts_with(begin) && one.find(end) != std::string::npos;
    }));
  }
  static std::string next(Queue& queue, std::size_t prefetch) {
    std::optional<Delivery> delivery = queue.receive(ahead(prefetch));
    if (!delivery) return "(none)";
    std::string body = body_of(*delivery);
    delivery->ack();
    return body;
  }

  StoreWorld world_;
};

TEST_F(Prefetch, HandsOutInOrderWhatItTookInOneTransaction) {
  send(6);
  std::vector<Delivery> taken;
  taken.push_back(std::move(*queue().receive(ahead(4))));
  EXPECT_EQ(count(queue(), State::kLeased), 4);
  world_.disk().clear_trace();
  for (int i = 1; i < 4; ++i) taken.push_back(std::move(*queue().receive(ahead(4))));
  EXPECT_EQ(in_trace("write", "-wal"), 0);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(body_of(taken[static_cast<std::size_t>(i)]), std::to_string(i));
    EXPECT_EQ(taken[static_cast<std::size_t>(i)].counters().deliveries, 1);
  }
  taken.push_back(std::move(*queue().receive(ahead(4))));
  EXPECT_EQ(body_of(taken[4]), "4");
  EXPECT_EQ(count(queue(), State::kLeased), 6);
}

TEST_F(Prefetch, OfMessagesEachAcknowledgedIsOneSyncEach) {
  send(33);
  ASSERT_EQ(next(queue(), 16), "0");
  world_.disk().clear_trace();
  std::vector<Delivery> taken;
  for (int i = 1; i < 33; ++i) {
    taken = queue().ack_and_receive(taken, ahead(16));
    ASSERT_EQ(taken.size(), 1U);
    EXPECT_EQ(body_of(taken[0]), std::to_string(i));
  }
  EXPECT_EQ(in_trace("sync ", "-wal"), 0);
  EXPECT_EQ(in_trace("sync ", "/acks-0000"), 31);
  queue().ack_batch(taken);
  EXPECT_EQ(total(queue()), 0);
}

TEST_F(Prefetch, IsNobodyElses) {
  send(5);
  Queue other = world_.open();
  const auto first = queue().receive(ahead(4));
  EXPECT_EQ(body_of(*other.receive()), "4");
}

TEST_F(Prefetch, LeavesHalfOfTheLease) {
  send(4);
  Queue other = world_.open();
  const auto first = queue().receive(ahead(3));
  world_.clock().advance(15s);
  const auto second = queue().receive(ahead(3));
  EXPECT_EQ(body_of(*second), "1");
  EXPECT_EQ(second->counters().deliveries, 1) << "nobody saw it before";
  EXPECT_EQ(queue().status(second->message().id)->lease_left_ms, 30'000);
  EXPECT_EQ(count(other, State::kLeased), 4);
}

TEST_F(Prefetch, GoesBackByItselfWhenNobodyAsks) {
  OpenOptions options;
  options.background = true;
  Queue receiver = world_.open("q", options);
  send(4);
  const auto first = receiver.receive(ahead(4));
  world_.clock().advance(15s);
  EXPECT_TRUE(eventually([&] { return count(queue(), State::kReady) == 3; }));
  EXPECT_EQ(count(queue(), State::kLeased), 1);
}

TEST_F(Prefetch, GoesBackWhenTheQueueIsClosed) {
  send(3);
  Queue other = world_.open();
  static_cast<void>(queue().receive(ahead(3))->detach());
  world_.reopen();
  const auto second = other.receive();
  EXPECT_EQ(body_of(*second), "0");
  EXPECT_EQ(second->counters().deliveries, 2);
  const auto third = other.receive();
  EXPECT_EQ(body_of(*third), "1");
  EXPECT_EQ(third->counters().deliveries, 1);
}

TEST_F(Prefetch, IsForAllThreadsOfTheHandle) {
  Queue& receiver = queue();
  Queue sender = world_.open();
  ReceiveOptions waiting = ahead(4);
  waiting.wait = 20s;
  std::array<std::optional<Delivery>, 4> got;
  {
    std::vector<std::jthread> threads;
    for (std::optional<Delivery>& one : got) {
      threads.emplace_back([&] { one = receiver.receive(waiting); });
    }
    sender.send_batch({text("a"), text("b"), text("c"), text("d")});
  }
  for (const std::optional<Delivery>& one : got) EXPECT_TRUE(one);
}

TEST_F(Prefetch, OfAQueueWithShortLeasesIsNone) {
  send(3);
  ReceiveOptions options = ahead(3);
  options.lease = 3s;
  const auto first = queue().receive(options);
  EXPECT_EQ(count(queue(), State::kLeased), 1);
}

TEST_F(Prefetch, OfAPausedQueueIsNotHandedOut) {
  send(3);
  const auto first = queue().receive(ahead(3));
  Pause pause;
  pause.receive = true;
  world_.open().pause(pause);
  EXPECT_EQ(refusal([&] { static_cast<void>(queue().receive(ahead(3))); }), ErrorCode::kTryAgain);
  EXPECT_EQ(count(queue(), State::kReady), 2);
}

TEST_F(Prefetch, OfARevokedLeaseIsNotHandedOut) {
  send(3);
  Queue operators = world_.open();
  const auto first = queue().receive(ahead(3));
  const std::vector<MessageStatus> all = everything(queue());
  ASSERT_EQ(operators.revoke({&all[1].id, 1}).changed.size(), 1U);
  const auto taken = operators.receive();
  EXPECT_EQ(body_of(*taken), "1");
  EXPECT_EQ(body_of(*queue().receive(ahead(3))), "2");
}

TEST_F(Prefetch, OfAnotherIndexIsNotHandedOut) {
  send(3);
  auto first = queue().receive(ahead(3));
  first->ack();
  world_.queue_dir()->unlink(names::index_file(1));
  Queue other = world_.open();
  const auto taken = other.receive();
  EXPECT_EQ(body_of(*taken), "1");
  const auto next = queue().receive(ahead(3));
  EXPECT_EQ(body_of(*next), "2");
}

TEST_F(Prefetch, OfOrderKeysIsOneOfEach) {
  for (const char* const body : {"a1", "b1", "a2"}) {
    queue().send(keyed(body, std::string(body).substr(0, 1)));
  }
  EXPECT_EQ(next(queue(), 8), "a1");
  EXPECT_EQ(next(queue(), 8), "b1");
  EXPECT_EQ(next(queue(), 8), "a2");
}

TEST_F(Prefetch, WithAReceiptThatIsLostGivesNothing) {
  send(3);
  Queue operators = world_.open();
  std::vector<Delivery> taken = queue().ack_and_receive({}, ahead(3));
  const MessageId id = taken[0].message().id;
  operators.revoke({&id, 1});
  EXPECT_EQ(refusal([&] { taken = queue().ack_and_receive(taken, ahead(3)); }),
            ErrorCode::kLeaseLost);
  Bodies left;
  for (int i = 0; i < 3; ++i) left.push_back(next(queue(), 3));
  std::ranges::sort(left);
  EXPECT_EQ(left, (Bodies{"0", "1", "2"}));
}

}  // namespace
}  // namespace spoolmq::test

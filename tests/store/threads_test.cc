// Many threads and many handles on one queue.
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <thread>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;

void send_from_threads(const std::function<Queue&(int)>& queue_of, int threads, int sends,
                       const SendOptions& options = {}) {
  std::vector<std::jthread> senders;
  for (int t = 0; t < threads; ++t) {
    senders.emplace_back([&, t] {
      Queue& queue = queue_of(t);
      for (int i = 0; i < sends; ++i) {
        queue.send(text(std::to_string(t) + ":" + std::to_string(i)), options);
      }
    });
  }
}

TEST(Threads, KeepTheOrderOfSendingInBothFormatsWhereRowsWaitForCompany) {
  StoreWorld world;
  OpenOptions with_thread;
  Queue sender = world.open("q", with_thread);
  std::vector<std::string> sent;
  SendOptions options;
  for (int i = 0; i < 30; ++i) {
    sent.push_back(std::to_string(i));
    options.format = i % 3 == 2 ? Format::kXml : Format::kBinary;
    sender.send(text(sent.back()), options);
  }
  EXPECT_EQ(drain(world.queue()), sent);
}

TEST(Threads, ShareOneHandleAndKeepEachTheirOrder) {
  StoreWorld world({}, On::kDisk);
  constexpr int kThreads = 16;
  constexpr int kSends = 50;
  Queue& queue = world.queue();
  send_from_threads([&](int) -> Queue& { return queue; }, kThreads, kSends);
  EXPECT_EQ(disorder(drain(queue), kThreads, kSends), "");
}

TEST(Threads, ShareOneHandleAlsoForFilesOfTheirOwn) {
  StoreWorld world({}, On::kDisk);
  constexpr int kThreads = 8;
  constexpr int kSends = 10;
  SendOptions xml;
  xml.format = Format::kXml;
  Queue& queue = world.queue();
  send_from_threads([&](int) -> Queue& { return queue; }, kThreads, kSends, xml);
  EXPECT_EQ(disorder(drain(queue), kThreads, kSends), "");
  EXPECT_TRUE(queue.fsck(FsckMode::kLook).empty());
}

TEST(Threads, WithAHandleEachAllSendAndAllAreRead) {
  StoreWorld world({}, On::kDisk);
  constexpr int kHandles = 12;
  constexpr int kSends = 20;
  // One clock for all: what a sender still inserts while others read ends leases by the sender's.
  OpenOptions options;
  options.clock = std::make_shared<SystemClock>();
  std::vector<Queue> handles;
  for (int i = 0; i < kHandles; ++i) handles.push_back(world.open("q", options));
  send_from_threads([&](int t) -> Queue& { return handles[static_cast<std::size_t>(t)]; }, kHandles,
                    kSends);
  Queue reader = world.open("q", options);
  EXPECT_EQ(disorder(drain(reader), kHandles, kSends), "");
  EXPECT_EQ(reader.consumers().size(), kHandles + 1U);
}

TEST(Threads, ReceiveEachMessageOnceWhileOthersSend) {
  StoreWorld world({}, On::kDisk);
  constexpr int kSenders = 3;
  constexpr int kReceivers = 3;
  constexpr int kSends = 60;
  OpenOptions options;
  options.clock = std::make_shared<SystemClock>();
  Queue first = world.open("q", options);
  Queue second = world.open("q", options);
  std::mutex mutex;
  std::vector<std::string> got;
  {
    std::vector<std::jthread> receivers;
    for (int r = 0; r < kReceivers; ++r) {
      receivers.emplace_back([&, r] {
        Queue& queue = r % 2 == 0 ? first : second;
        ReceiveOptions wait;
        wait.wait = 20s;
        wait.max = 7;
        wait.cancelled = [&] {
          const std::lock_guard guard(mutex);
          return got.size() == kSenders * kSends;
        };
        while (true) {
          std::vector<Delivery> deliveries = queue.receive_batch(wait);
          if (deliveries.empty()) return;
          for (const Delivery& one : deliveries) {
            const std::lock_guard guard(mutex);
            got.push_back(one.message().body);
          }
          queue.ack_batch(deliveries);
        }
      });
    }
    send_from_threads([&](int t) -> Queue& { return t % 2 == 0 ? second : first; }, kSenders,
                      kSends);
  }
  EXPECT_EQ(got.size(), static_cast<std::size_t>(kSenders * kSends));
  EXPECT_EQ(std::set<std::string>(got.begin(), got.end()).size(), got.size());
  EXPECT_EQ(total(first), 0);
}

TEST(Threads, TellTheHistoryWithoutLosingALine) {
  Settings settings;
  settings.history = HistoryLevel::kAll;
  StoreWorld world(settings, On::kDisk);
  constexpr int kThreads = 4;
  constexpr int kEach = 100;
  std::vector<Message> batch(kThreads * kEach, text("x"));
  std::vector<MessageId> ids;
  for (const SendResult& one : world.queue().send_batch(batch)) ids.push_back(one.id);
  std::vector<Queue> handles;
  for (int i = 0; i < kThreads; ++i) handles.push_back(world.open());
  {
    std::vector<std::jthread> workers;
    for (Queue& queue : handles) {
      workers.emplace_back([&queue] {
        for (int i = 0; i < kEach; ++i) queue.receive()->ack();
      });
    }
  }
  std::size_t told = 0;
  for (const MessageId& id : ids) told += world.queue().trace(id).size();
  EXPECT_EQ(told, ids.size());
}

// A row that is owed is made by whoever looks for messages, leased at once where that is all there
// is; what is received is the same as where the sender's thread came first.
class OwedRow : public ::testing::Test {
 protected:
  static constexpr int kTimes = 20;  // the sender's thread is not always later
  // A handle's first message has a file of its own, and its row at once.
  void SetUp() override {
    for (Queue* const sender : {&one_, &other_}) {
      for (int i = 0; i < 3; ++i) sender->send(text("warm"));
    }
    drain(world_.queue());
  }
  void send_from(Queue& sender, std::string body, const std::function<void(Message&)>& change) {
    Message message = text(std::move(body));
    change(message);
    sender.send(std::move(message));
  }

  StoreWorld world_{Settings{}, On::kDisk};
  Queue one_ = world_.open("q", OpenOptions{});
  Queue other_ = world_.open("q", OpenOptions{});
};

TEST_F(OwedRow, IsReceivedAndSettledAsAnyOther) {
  for (int i = 0; i < kTimes; ++i) {
    one_.send(text("a"));
    std::optional<Delivery> delivery = world_.queue().receive();
    ASSERT_TRUE(delivery);
    EXPECT_EQ(body_of(*delivery), "a");
    EXPECT_EQ(delivery->counters().deliveries, 1);
    EXPECT_EQ(count(world_.queue(), State::kLeased), 1);
    EXPECT_FALSE(world_.queue().receive());
    delivery->release();
    EXPECT_EQ(take(world_.queue()), "a");
    EXPECT_EQ(total(world_.queue()), 0);
  }
  EXPECT_TRUE(world_.queue().fsck(FsckMode::kLook).empty());
}

TEST_F(OwedRow, DoesNotPassOneOfAHigherPriority) {
  for (int i = 0; i < kTimes; ++i) {
    send_from(one_, "low", [](Message& message) { message.priority = 1; });
    send_from(other_, "high", [](Message& message) { message.priority = 9; });
    EXPECT_EQ(drain(world_.queue()), (std::vector<std::string>{"high", "low"}));
  }
}

TEST_F(OwedRow, DoesNotPassWhatBecameDueBeforeIt) {
  for (int i = 0; i < kTimes; ++i) {
    send_from(one_, "due", [&](Message& message) {
      message.not_before_ms = world_.clock().wall_ms() + 1000;
      message.priority = 9;
    });
    EXPECT_FALSE(world_.queue().receive());
    world_.clock().advance(1500ms);  // no segment is idle for 2 s
    other_.send(text("new"));
    EXPECT_EQ(drain(world_.queue()), (std::vector<std::string>{"due", "new"}));
  }
}

TEST_F(OwedRow, WaitsWhereItIsDelayedExpiredOrOfAnotherSender) {
  ReceiveOptions only_from;
  only_from.from = "somebody";
  for (int i = 0; i < kTimes; ++i) {
    send_from(one_, "late",
              [&](Message& message) { message.not_before_ms = world_.clock().wall_ms() + 60'000; });
    EXPECT_FALSE(world_.queue().receive());
    send_from(one_, "over",
              [&](Message& message) { message.expires_at_ms = world_.clock().wall_ms() - 1; });
    EXPECT_FALSE(world_.queue().receive());
    one_.send(text("another's"));
    EXPECT_FALSE(world_.queue().receive(only_from));
    EXPECT_EQ(take(world_.queue()), "another's");
  }
  EXPECT_EQ(count(world_.queue(), State::kDelayed), kTimes);
  EXPECT_EQ(count(world_.queue(), State::kDead), kTimes);
}

TEST(Threads, OpenAndCloseHandlesAllTheTime) {
  StoreWorld world({}, On::kDisk);
  constexpr int kThreads = 4;
  constexpr int kRounds = 10;
  {
    std::vector<std::jthread> openers;
    for (int t = 0; t < kThreads; ++t) {
      openers.emplace_back([&] {
        for (int i = 0; i < kRounds; ++i) {
          Queue queue = world.open();
          queue.send_batch({text("a"), text("b")});
        }
      });
    }
  }
  EXPECT_EQ(drain(world.queue()).size(), 2U * kThreads * kRounds);
  EXPECT_TRUE(world.queue().fsck(FsckMode::kLook).empty());
}

}  // namespace
}  // namespace spoolmq::test

// A new index of many messages, which go into it by another thread while the next ones are read.
#include <gtest/gtest.h>

#include <map>

#include "core/names.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;

std::vector<Message> numbered(const std::string& sender, int first, int count) {
  std::vector<Message> messages;
  for (int i = first; i < first + count; ++i) {
    messages.push_back(text(sender + ":" + std::to_string(i)));
  }
  return messages;
}

TEST(Rebuild, OfManyMessagesLosesNoneAndKeepsTheirOrder) {
  constexpr int kSenders = 3;
  constexpr int kEach = 3000;
  StoreWorld world;
  std::vector<Queue> senders;
  for (int s = 0; s < kSenders; ++s) senders.push_back(world.open());
  for (int i = 0; i < kEach; i += 100) {
    for (int s = 0; s < kSenders; ++s) {
      senders[static_cast<std::size_t>(s)].send_batch(numbered(std::to_string(s), i, 100));
    }
  }
  ReceiveOptions some;
  some.max = 700;
  std::vector<Delivery> taken = world.queue().receive_batch(some);
  world.queue().ack_batch(taken);
  world.queue().maintain();
  senders.clear();
  world.reopen();
  world.queue_dir()->unlink(names::index_file(1));

  std::map<std::string, int> last;  // of each sender
  int received = 0;
  some.max = 4096;
  while (true) {
    taken = world.queue().receive_batch(some);
    if (taken.empty()) break;
    for (const Delivery& one : taken) {
      const std::string& body = one.message().body;
      const std::size_t colon = body.find(':');
      const int number = std::stoi(body.substr(colon + 1));
      const auto [of_sender, is_first] = last.try_emplace(body.substr(0, colon), number);
      ASSERT_TRUE(is_first || number == of_sender->second + 1) << body;
      of_sender->second = number;
      ++received;
    }
    world.queue().ack_batch(taken);
  }
  EXPECT_EQ(received, kSenders * kEach - 700);
  EXPECT_EQ(world.queue().stats().generation, 2U);
}

// More than SQLite keeps in memory, so that inserting is refused, and not only the end of it.
TEST(Rebuild, ThatTheDiskRefusesIsMadeAgain) {
  constexpr int kMany = 150'000;
  StoreWorld world;
  for (int i = 0; i < kMany; i += 5000) world.queue().send_batch(numbered("", i, 5000));
  world.reopen();
  for (const std::uint64_t n : {30U, 60U, 500U}) {
    for (std::uint64_t generation = 1; generation < 20; ++generation) {
      world.queue_dir()->unlink(names::index_file(generation));
    }
    world.disk().fail_at(n, EIO);
    EXPECT_EQ(refusal([&] { static_cast<void>(world.open().stats()); }), ErrorCode::kIo) << n;
    world.disk().stop_failing();
    Queue queue = world.open();
    EXPECT_EQ(total(queue), kMany) << n;
    EXPECT_EQ(body_of(*queue.receive()), ":0") << n;
  }
}

}  // namespace
}  // namespace spoolmq::test

// A new index of many messages, which go into it by another thread while the next ones are read.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

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
  std::vector<std::string> bodies;
  for (const Delivery& one : taken) bodies.push_back(body_of(one));
  world.queue().ack_batch(taken);
  world.queue().maintain();
  senders.clear();
  world.reopen();
  world.queue_dir()->unlink(names::index_file(1));

  std::ranges::move(drain(world.queue()), std::back_inserter(bodies));
  EXPECT_EQ(disorder(bodies, kSenders, kEach), "");
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

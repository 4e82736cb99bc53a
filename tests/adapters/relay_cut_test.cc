// A relay cut off wherever: in the end every message is at the destination, once, and nowhere else.

#include <gtest/gtest.h>

#include "tests/adapters/relay_world.h"

namespace spoolmq::adapters::test {
namespace {

using Bodies = std::multiset<std::string>;

constexpr std::size_t kLargeBytes = 3000;

Settings small_bodies() {
  Settings settings;
  settings.body_inline = 1024;
  settings.backoff = std::chrono::milliseconds{0};
  settings.max_failures = 100;
  return settings;
}

std::unique_ptr<DirectoryWorld> world_with_messages() {
  auto world = std::make_unique<DirectoryWorld>(small_bodies());
  make_other_root(*world, small_bodies());
  std::vector<Message> messages(2);
  messages[0].body = "alpha";
  messages[1].body = "beta";
  messages[1].dedupe_key = "k";  // its window is over when the next process comes
  world->queue().send_batch(std::move(messages));
  std::size_t left = kLargeBytes;
  world->queue().send_stream({}, [&](std::span<char> into) {
    const std::size_t got = std::min(left, into.size());
    std::fill_n(into.begin(), got, 'L');
    left -= got;
    return got;
  });
  world->close();
  return world;
}

Bodies every_body() { return {"alpha", "beta", std::string(kLargeBytes, 'L')}; }

std::string place(Cut cut, std::uint64_t n) {
  return "cut " + std::to_string(static_cast<int>(cut)) + " at operation " + std::to_string(n);
}

// A consumer there; what it acknowledged is cleaned away.
Bodies take_all(DirectoryWorld& world) {
  Bodies bodies;
  Queue queue = there(world);
  while (auto delivery = queue.receive()) {
    std::string whole;
    std::string piece(4096, '\0');
    const auto reader = delivery->open_body();
    while (const std::size_t got = reader->read(piece)) whole.append(piece, 0, got);
    bodies.insert(whole);
    delivery->ack();
  }
  world.clock().ahead_ms += 60'000;
  queue.maintain();
  return bodies;
}

TEST(RelayCut, EveryMessageIsThereOnce) {
  at_every_cut(
      world_with_messages, [](DirectoryWorld& world) { RelayRig(world).run(); },
      [](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        RelayRig(world).run();
        ASSERT_EQ(take_all(world), every_body()) << place(cut, n);
        ASSERT_TRUE(world.drain().empty()) << place(cut, n);
      });
}

// Somebody there takes what came before the cut, and its row is gone when it is sent again.
TEST(RelayCut, NoMessageComesTwiceWhereTheyAreConsumed) {
  at_every_cut(
      world_with_messages, [](DirectoryWorld& world) { RelayRig(world).run(); },
      [](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        Bodies taken = take_all(world);
        RelayRig(world).run();
        taken.merge(take_all(world));
        ASSERT_EQ(taken, every_body()) << place(cut, n);
        ASSERT_TRUE(world.drain().empty()) << place(cut, n);
      });
}

}  // namespace
}  // namespace spoolmq::adapters::test

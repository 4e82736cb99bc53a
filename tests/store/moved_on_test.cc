// What the library's own protocols need of a queue: to take a message back, to take one in dead, to
// pass messages on to another queue, and to go only while nobody can put anything into it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Bodies = std::vector<std::string>;

TEST(Withdrawing, TakesBackWhatNobodyHas) {
  StoreWorld world;
  const MessageId ready = world.queue().send(text("ready"));
  Message later = text("delayed");
  later.not_before_ms = world.clock().wall_ms() + 60'000;
  const MessageId delayed = world.queue().send(later);
  EXPECT_TRUE(world.queue().withdraw(ready));
  EXPECT_TRUE(world.queue().withdraw(delayed));
  EXPECT_FALSE(world.queue().withdraw(ready)) << "it is gone already";
  world.power_cut(1s);
  EXPECT_FALSE(world.queue().receive());
  EXPECT_EQ(total(world.queue()), 0);
}

TEST(Withdrawing, LeavesWhatSomebodyHasOrHad) {
  StoreWorld world;
  const MessageId leased = world.queue().send(text("leased"));
  std::optional<Delivery> delivery = world.queue().receive();
  EXPECT_FALSE(world.queue().withdraw(leased));
  delivery->reject("bad");
  EXPECT_FALSE(world.queue().withdraw(leased)) << "dead";
  const MessageId held = world.queue().send(text("held"));
  world.queue().hold({&held, 1}, "an operator's");
  EXPECT_FALSE(world.queue().withdraw(held));
  EXPECT_EQ(total(world.queue()), 2);
  // Back from a holder that gave it up, it is nobody's.
  const MessageId returned = world.queue().send(text("returned"));
  world.queue().receive()->release();
  EXPECT_TRUE(world.queue().withdraw(returned));
}

TEST(SentDead, IsNeverDelivered) {
  Settings settings;
  settings.capacity = 0;  // whoever sends here waits for a receiver; this has none
  settings.check = BodyCheck::kJson;
  StoreWorld world(settings);
  SendOptions options;
  options.dead = "no_requester";
  const MessageId id = world.queue().send(text("not json"), options);
  EXPECT_FALSE(world.queue().receive());
  EXPECT_EQ(world.queue().status(id)->state, State::kDead);
  EXPECT_EQ(world.queue().status(id)->reason, "no_requester");
  world.power_cut(1s);
  EXPECT_EQ(world.queue().status(id)->reason, "no_requester");
  world.queue().requeue({&id, 1});
  EXPECT_EQ(take(world.queue()), "not json");
}

TEST(SentDead, IsNotDeliveredEvenWithoutItsVerdict) {
  StoreWorld world;
  SendOptions options;
  options.dead = "no_requester";
  const MessageId id = world.queue().send(text("x"), options);
  world.reopen();
  world.queue().fsck(FsckMode::kRebuildIndex);  // what a rebuild finds may be the file alone
  EXPECT_FALSE(world.queue().receive());
  EXPECT_EQ(world.queue().status(id)->state, State::kDead);
}

TEST(PassedOn, MayComeBackAtOnce) {
  Settings settings;
  settings.archive = 1h;
  StoreWorld world(settings);
  Message message = text("x");
  message.dedupe_key = "k";
  const MessageId id = world.queue().send(message);
  for (int round = 0; round < 3; ++round) {
    std::vector<Delivery> taken = world.queue().receive_batch({});
    ASSERT_EQ(taken.size(), 1U) << round;
    Message again = taken[0].message();
    EXPECT_EQ(again.id, id);
    EXPECT_EQ(world.queue().pass_on(taken), std::vector{LeaseOutcome::kDone});
    EXPECT_EQ(total(world.queue()), 0) << "it is not here, not even archived";
    EXPECT_FALSE(world.queue().send_checked(again).duplicate) << round;
  }
}

TEST(PassedOn, LeavesTheDedupeKeyToWhoeverHasItNow) {
  Settings settings;
  settings.dedupe_window = 1s;
  StoreWorld world(settings);
  Message message = text("x");
  message.dedupe_key = "k";
  world.queue().send(message);
  std::vector<Delivery> taken = world.queue().receive_batch({});
  world.clock().advance(2s);
  world.queue().send(message);  // another one of that key
  world.queue().pass_on(taken);
  EXPECT_TRUE(world.queue().send_checked(message).duplicate);
}

TEST(AKnownId, IsKnownWhenItsDedupeKeyNoLongerIs) {
  StoreWorld world;
  Message message = text("x");
  message.id = some_id(7);
  message.dedupe_key = "k";
  EXPECT_FALSE(world.queue().send_checked(message).duplicate);
  EXPECT_EQ(take(world.queue()), "x");
  world.queue().maintain();
  world.clock().advance(24h);  // the key's window is 10 minutes
  world.queue().maintain();
  EXPECT_TRUE(world.queue().send_checked(message).duplicate);
  world.clock().advance(8 * 24h);
  EXPECT_FALSE(world.queue().send_checked(message).duplicate);
}

TEST(AKnownId, IsForgottenWithASendThatFailed) {
  Settings settings;
  settings.capacity = 0;
  StoreWorld world(settings);
  Message message = text("x");
  message.id = some_id(7);
  message.dedupe_key = "k";
  SendOptions options;
  options.timeout = 0ms;
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(refusal([&] { world.queue().send_checked(message, options); }), ErrorCode::kTryAgain)
        << round;
  }
}

// Whoever opens the root finishes the moves of the dead, and must not take a living mover for one:
// an intent is locked and whole before it has its name.
TEST(Moving, NamesItsIntentLast) {
  StoreWorld world;
  Queue other = world.create("other");
  const MessageId id = world.queue().send(text("m"));
  world.disk().clear_trace();
  world.root().move(world.queue(), {&id, 1}, other);
  std::vector<std::string> named;
  for (const std::string& line : world.disk().trace()) {
    if (line.find("topics/intent-") != std::string::npos) named.push_back(line);
  }
  ASSERT_EQ(named.size(), 2U);
  EXPECT_TRUE(named[0].starts_with("link ")) << named[0];
  EXPECT_TRUE(named[1].starts_with("unlink ")) << named[1];
}

TEST(RemovingAQueue, WaitsForWhoHasItOpen) {
  StoreWorld world;
  {
    const Queue other = world.create("other");
    EXPECT_EQ(refusal([&] { world.root().remove_queue("other"); }), ErrorCode::kTryAgain);
  }
  world.root().remove_queue("other");
  EXPECT_FALSE(world.root().has_queue("other"));
}

// Whoever got "sent" finds his message in the queue, or the queue is there still.
TEST(RemovingAQueue, NeverTakesAMessageWithIt) {
  StoreWorld world({}, On::kDisk);
  for (int round = 0; round < 200; ++round) {
    world.root().create_queue("q2");
    bool sent = false;
    std::jthread sender([&] {
      try {
        Root::open(world.path()).open_queue("q2", StoreWorld::no_thread()).send(text("x"));
        sent = true;
      } catch (const Error&) {
      }
    });
    bool removed = false;
    try {
      world.root().remove_queue("q2");
      removed = true;
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::kTryAgain) << error.what();
    }
    sender.join();
    ASSERT_FALSE(sent && removed) << round;
    if (!removed) world.root().remove_queue("q2", Force::kYes);
  }
}

}  // namespace
}  // namespace spoolmq::test

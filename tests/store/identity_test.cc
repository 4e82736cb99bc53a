// What makes a repeated send add nothing: dedupe keys within their window, and ids.
#include <gtest/gtest.h>

#include <cerrno>
#include <latch>
#include <set>
#include <thread>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Bodies = std::vector<std::string>;

Message deduped(std::string body, std::string key) {
  Message message = text(std::move(body));
  message.dedupe_key = std::move(key);
  return message;
}

Message with_id(std::string body, const MessageId& id) {
  Message message = text(std::move(body));
  message.id = id;
  return message;
}

TEST(DedupeKey, AddsNothingWithinItsWindow) {
  StoreWorld world;
  const SendResult first = world.queue().send_checked(deduped("one", "k"));
  EXPECT_FALSE(first.duplicate);
  world.clock().advance(599s);
  const SendResult second = world.queue().send_checked(deduped("two", "k"));
  EXPECT_TRUE(second.duplicate);
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(drain(world.queue()), Bodies{"one"});
  EXPECT_EQ(world.queue().stats().reserved, 0);
}

TEST(DedupeKey, IsRememberedAfterItsMessageIsGone) {
  StoreWorld world;
  const MessageId first = world.queue().send(deduped("one", "k"));
  EXPECT_EQ(take(world.queue()), "one");
  world.clock().advance(5s);
  world.queue().maintain();
  const SendResult second = world.queue().send_checked(deduped("two", "k"));
  EXPECT_TRUE(second.duplicate);
  EXPECT_EQ(second.id, first);
  EXPECT_EQ(total(world.queue()), 0);
}

TEST(DedupeKey, IsForgottenAfterItsWindow) {
  StoreWorld world;
  world.queue().send(deduped("one", "k"));
  world.clock().advance(601s);
  EXPECT_FALSE(world.queue().send_checked(deduped("two", "k")).duplicate);
  EXPECT_EQ(drain(world.queue()), (Bodies{"one", "two"}));
}

TEST(DedupeKey, OfAWithdrawnMessageMayBeSentAgain) {
  StoreWorld world;
  Message message = deduped("one", "k");
  message.id = some_id(1);
  world.queue().send(message);
  EXPECT_TRUE(world.queue().withdraw(message.id));
  EXPECT_FALSE(world.queue().send_checked(message).duplicate);
  EXPECT_EQ(drain(world.queue()), Bodies{"one"});
}

TEST(DedupeKey, StandsForTheLaterMessageInANewIndex) {
  // Whichever of their files is found first.
  for (const auto& [earlier, later] : {std::pair{1, 9}, std::pair{9, 1}}) {
    StoreWorld world;
    for (const int number : {earlier, later}) {
      Message message = deduped("x", "k");
      message.id = some_id(number);
      world.clock().advance(601s);
      world.queue().send(message);
    }
    world.queue().fsck(FsckMode::kRebuildIndex);
    EXPECT_EQ(world.queue().send_checked(deduped("y", "k")).id, some_id(later));
  }
}

TEST(DedupeKey, KeepsOtherKeysApart) {
  StoreWorld world;
  world.queue().send(deduped("one", "k"));
  EXPECT_FALSE(world.queue().send_checked(deduped("two", "K")).duplicate);
  EXPECT_FALSE(world.queue().send_checked(deduped("three", "")).duplicate);
  EXPECT_FALSE(world.queue().send_checked(deduped("four", "")).duplicate);
  EXPECT_EQ(total(world.queue()), 4);
}

TEST(DedupeKey, IsNotTheNameOfAnId) {
  StoreWorld world;
  const MessageId id = some_id(1);
  world.queue().send(deduped("one", id.text()));
  EXPECT_FALSE(world.queue().send_checked(with_id("two", id)).duplicate);
  EXPECT_EQ(total(world.queue()), 2);
}

TEST(DedupeKey, CountsWithinOneBatch) {
  StoreWorld world;
  const auto results = world.queue().send_batch(
      {deduped("one", "k"), text("free"), deduped("two", "k"), deduped("other", "l")});
  ASSERT_EQ(results.size(), 4U);
  EXPECT_TRUE(results[2].duplicate);
  EXPECT_EQ(results[2].id, results[0].id);
  EXPECT_FALSE(results[3].duplicate);
  EXPECT_EQ(drain(world.queue()), (Bodies{"one", "free", "other"}));
}

TEST(DedupeKey, SurvivesARebuildForLiveMessages) {
  StoreWorld world;
  world.queue().send(deduped("one", "k"));
  world.queue().fsck(FsckMode::kRebuildIndex);
  EXPECT_TRUE(world.queue().send_checked(deduped("two", "k")).duplicate);
}

// Whatever fails, the repeated send ends with exactly one message and no place taken for nothing.
TEST(DedupeKey, OfAFailedSendMayBeSentAgain) {
  bool failed = true;
  for (std::uint64_t n = 1; failed; ++n) {
    StoreWorld world;
    world.queue().send(text("the first one makes the directory"));
    world.disk().fail_at(n, EIO);
    failed = refusal([&] { world.queue().send(deduped("one", "k")); }).has_value();
    world.disk().stop_failing();
    EXPECT_EQ(world.queue().stats().reserved, 0) << n;
    world.queue().send(deduped("one", "k"));
    EXPECT_EQ(total(world.queue()), 2) << n;
    if (!failed && n < 8) failed = true;  // an operation whose failure nobody minds
  }
}

TEST(DedupeKey, LetsOneOfManyConcurrentSendersThrough) {
  StoreWorld world({}, On::kDisk);
  constexpr int kThreads = 8;
  std::vector<SendResult> results(kThreads);
  std::latch together(kThreads);
  {
    Queue own = world.open();  // half of the senders use another handle
    std::vector<std::jthread> senders;
    Queue& shared = world.queue();
    for (int i = 0; i < kThreads; ++i) {
      senders.emplace_back([&, i] {
        Queue& queue = i % 2 == 0 ? shared : own;
        together.arrive_and_wait();
        results[static_cast<std::size_t>(i)] =
            queue.send_checked(deduped(std::to_string(i), "the key"));
      });
    }
  }
  std::set<MessageId> ids;
  int fresh = 0;
  for (const SendResult& one : results) {
    ids.insert(one.id);
    fresh += one.duplicate ? 0 : 1;
  }
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_EQ(fresh, 1);
  EXPECT_EQ(drain(world.queue()).size(), 1U);
  EXPECT_EQ(world.queue().stats().reserved, 0);
}

TEST(ExplicitId, IsTheMessagesId) {
  StoreWorld world;
  EXPECT_EQ(world.queue().send(with_id("x", some_id(1))), some_id(1));
  const auto delivery = world.queue().receive();
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->message().id, some_id(1));
}

TEST(ExplicitId, MayBeRepeatedWithTheSameBytes) {
  StoreWorld world;
  world.queue().send(with_id("x", some_id(1)));
  EXPECT_TRUE(world.queue().send_checked(with_id("x", some_id(1))).duplicate);
  EXPECT_EQ(drain(world.queue()), Bodies{"x"});
}

TEST(ExplicitId, RefusesOtherBytes) {
  StoreWorld world;
  world.queue().send(with_id("x", some_id(1)));
  EXPECT_EQ(refusal([&] { world.queue().send(with_id("y", some_id(1))); }),
            ErrorCode::kCannotCreate);
  EXPECT_EQ(drain(world.queue()), Bodies{"x"});
  EXPECT_EQ(world.queue().stats().reserved, 0);
}

TEST(ExplicitId, RefusesTheWholeBatchForOtherBytes) {
  StoreWorld world;
  world.queue().send(with_id("x", some_id(1)));
  EXPECT_EQ(refusal([&] {
              world.queue().send_batch({with_id("new", some_id(2)), with_id("y", some_id(1))});
            }),
            ErrorCode::kCannotCreate);
  EXPECT_EQ(world.queue().stats().reserved, 0);
  EXPECT_FALSE(world.queue().send_checked(with_id("new", some_id(2))).duplicate);
  EXPECT_EQ(drain(world.queue()), (Bodies{"x", "new"}));
}

TEST(ExplicitId, IsRememberedAfterItsMessageIsGone) {
  StoreWorld world;
  world.queue().send(with_id("x", some_id(1)));
  EXPECT_EQ(take(world.queue()), "x");
  world.clock().advance(1h);
  world.queue().maintain();
  EXPECT_TRUE(world.queue().send_checked(with_id("x", some_id(1))).duplicate);
  EXPECT_EQ(total(world.queue()), 0);
}

TEST(ExplicitId, IsRememberedForTheWindowOfItsQueue) {
  Settings settings;
  settings.id_window = 2h;
  StoreWorld world(settings);
  world.queue().send(with_id("x", some_id(1)));
  EXPECT_EQ(take(world.queue()), "x");
  world.clock().advance(2h - 1min);
  world.queue().maintain();
  EXPECT_TRUE(world.queue().send_checked(with_id("x", some_id(1))).duplicate);
  world.clock().advance(2min);
  EXPECT_FALSE(world.queue().send_checked(with_id("x", some_id(1))).duplicate);
  EXPECT_EQ(drain(world.queue()), Bodies{"x"});
}

TEST(ExplicitId, CountsWithinOneBatch) {
  StoreWorld world;
  const auto results =
      world.queue().send_batch({with_id("x", some_id(1)), with_id("x", some_id(1))});
  EXPECT_FALSE(results[0].duplicate);
  EXPECT_TRUE(results[1].duplicate);
  EXPECT_EQ(drain(world.queue()), Bodies{"x"});
  EXPECT_EQ(world.queue().stats().reserved, 0);
}

TEST(ExplicitId, RefusesOtherBytesWithinOneBatch) {
  StoreWorld world;
  EXPECT_EQ(refusal([&] {
              world.queue().send_batch({with_id("x", some_id(1)), with_id("y", some_id(1))});
            }),
            ErrorCode::kCannotCreate);
  EXPECT_EQ(total(world.queue()), 0);
  EXPECT_EQ(world.queue().stats().reserved, 0);
}

}  // namespace
}  // namespace spoolmq::test

// Moves and copies between queues.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Ids = std::vector<MessageId>;
using Bodies = std::vector<std::string>;

Message keyed_once(std::string body, std::string dedupe_key) {
  Message message = text(std::move(body));
  message.dedupe_key = std::move(dedupe_key);
  return message;
}

class MultiQueue : public ::testing::Test {
 protected:
  Queue& here() { return world_.queue(); }
  FixResult move(const Ids& ids) { return world_.root().move(here(), ids, there_); }
  FixResult copy(const Ids& ids) { return world_.root().copy(here(), ids, there_); }
  StoreWorld world_;
  Queue there_ = world_.create("there");
};

TEST_F(MultiQueue, MovesWithAllThatTheMessageSays) {
  Message message = text("x");
  message.headers = {{"a", "1"}};
  message.priority = 9;
  message.order_key = "k";
  const MessageId id = here().send(message);
  const Message before = *here().load(id);
  EXPECT_EQ(move(Ids{id}).changed, Ids{id});
  EXPECT_EQ(*there_.load(id), before);
  EXPECT_FALSE(here().status(id));
  here().maintain();
  EXPECT_TRUE(world_.spool_files().empty());
  EXPECT_EQ(drain(there_), Bodies{"x"});
}

TEST_F(MultiQueue, MovesAMessageWhoseKeyStandsForAnotherThere) {
  const Message message = keyed_once("here", "k");
  there_.send(keyed_once("there", "k"));
  there_.send(keyed_once("same", "l"));
  const Ids ids{here().send(message), here().send(keyed_once("same", "l"))};
  EXPECT_EQ(move(ids).changed, ids);
  EXPECT_EQ(total(here()), 0);
  EXPECT_EQ(drain(there_), (Bodies{"there", "same", "here", "same"}));
}

TEST_F(MultiQueue, MovesTwoMessagesOfOneKey) {
  Ids ids{here().send(keyed_once("one", "k"))};
  world_.clock().advance(601s);
  ids.push_back(here().send(keyed_once("two", "k")));
  EXPECT_EQ(move(ids).changed, ids);
  EXPECT_EQ(drain(there_), (Bodies{"one", "two"}));
}

TEST_F(MultiQueue, LeavesAKeyToTheLaterMessageThatHasIt) {
  const MessageId first = here().send(keyed_once("one", "k"));
  world_.clock().advance(601s);
  const MessageId second = here().send(keyed_once("two", "k"));
  EXPECT_EQ(move(Ids{first}).changed, Ids{first});
  EXPECT_EQ(here().send_checked(keyed_once("three", "k")).id, second);
}

TEST_F(MultiQueue, MovesTheDeadAsReady) {
  const MessageId id = here().send(text("x"));
  here().receive()->reject();
  EXPECT_EQ(move(Ids{id}).changed, Ids{id});
  EXPECT_EQ(take(there_), "x");
}

TEST_F(MultiQueue, CopiesAndLeavesTheOriginal) {
  const MessageId id = here().send(text("x"));
  EXPECT_EQ(copy(Ids{id}).changed, Ids{id});
  EXPECT_EQ(drain(there_), Bodies{"x"});
  EXPECT_EQ(drain(here()), Bodies{"x"});
}

TEST_F(MultiQueue, SkipsAndCountsWhatIsLeasedOrUnknown) {
  const MessageId leased = here().send(text("leased"));
  auto delivery = here().receive();
  const MessageId ready = here().send(text("ready"));
  const Ids ids{leased, ready, some_id(1)};
  for (const FixResult& result : {copy(ids), move(ids)}) {
    EXPECT_EQ(result.changed, Ids{ready});
    EXPECT_EQ(result.skipped_leased, 1U);
    EXPECT_EQ(result.missing, Ids{some_id(1)});
  }
  delivery->ack();
  EXPECT_EQ(total(here()), 0);
  EXPECT_EQ(drain(there_), Bodies{"ready"});
}

TEST_F(MultiQueue, RefusesTheSameQueue) {
  const MessageId id = here().send(text("x"));
  EXPECT_EQ(refusal([&] { world_.root().move(here(), Ids{id}, here()); }), ErrorCode::kUsage);
  EXPECT_EQ(refusal([&] { world_.root().copy(here(), Ids{id}, here()); }), ErrorCode::kUsage);
  EXPECT_EQ(drain(here()), Bodies{"x"});
}

TEST_F(MultiQueue, GivesEverythingBackWhenTheOtherQueueIsFull) {
  Settings full;
  full.capacity = 1;
  Queue small = world_.create("small", full);
  const Ids ids{here().send(text("a")), here().send(text("b"))};
  here().hold(Ids{ids[1]}, "kept");
  EXPECT_EQ(refusal([&] { world_.root().move(here(), ids, small); }), ErrorCode::kTryAgain);
  EXPECT_EQ(total(small), 0);
  EXPECT_EQ(here().status(ids[1])->state, State::kHeld);
  EXPECT_EQ(here().status(ids[1])->reason, "kept");
  EXPECT_EQ(drain(here()), Bodies{"a"});
}

TEST_F(MultiQueue, MovesThereAndBackAndThereAgain) {
  const MessageId id = here().send(text("x"));
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(move(Ids{id}).changed, Ids{id});
    EXPECT_EQ(total(here()), 0);
    ASSERT_EQ(total(there_), 1) << round;
    EXPECT_EQ(world_.root().move(there_, Ids{id}, here()).changed, Ids{id});
    EXPECT_EQ(total(there_), 0);
    ASSERT_EQ(total(here()), 1) << round;
  }
  EXPECT_EQ(drain(here()), Bodies{"x"});
}

TEST_F(MultiQueue, MovesBackLongAfterTheFirstRowIsGone) {
  Message message = text("x");
  message.dedupe_key = "k";
  const MessageId id = here().send(message);
  for (int round = 0; round < 2; ++round) {
    move(Ids{id});
    here().maintain();
    world_.clock().advance(1min);
    here().maintain();
    ASSERT_EQ(total(there_), 1) << round;
    world_.root().move(there_, Ids{id}, here());
    there_.maintain();
    world_.clock().advance(1min);
    there_.maintain();
    ASSERT_EQ(total(here()), 1) << round;
  }
}

TEST_F(MultiQueue, MovesBodiesOfAnySize) {
  here().configure(std::vector<SettingText>{{"body-inline", "1K"}});
  const std::string whole(100'000, 'x');
  const Ids ids{here().send(text(whole)), here().send(text("small"))};
  EXPECT_EQ(move(ids).changed.size(), 2U);
  Bodies bodies = drain(there_);
  std::sort(bodies.begin(), bodies.end());
  EXPECT_EQ(bodies, (Bodies{"small", whole}));
  here().maintain();
  EXPECT_TRUE(world_.spool_files().empty());
}

TEST_F(MultiQueue, MovesMoreThanOneIntentHolds) {
  Ids ids;
  for (const SendResult& one : here().send_batch(std::vector<Message>(600, text("x")))) {
    ids.push_back(one.id);
  }
  EXPECT_EQ(move(ids).changed, ids);
  EXPECT_EQ(total(there_), 600);
  EXPECT_EQ(total(here()), 0);
  EXPECT_EQ(world_.disk().names("topics"), (std::vector<std::string>{"lock"}));
}

TEST_F(MultiQueue, TellsTheHistory) {
  const MessageId id = here().send(text("x"));
  copy(Ids{id});
  move(Ids{id});
  const auto lines = here().trace(id);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_NE(lines[0].find("\"act\":\"copy\",\"id\""), std::string::npos);
  EXPECT_NE(lines[1].find("\"reason\":\"to there\""), std::string::npos);
}

}  // namespace
}  // namespace spoolmq::test

// What operators do: hold, unhold, revoke, requeue, delete; and the history that tells of it.
#include <gtest/gtest.h>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Ids = std::vector<MessageId>;
using Bodies = std::vector<std::string>;

class Fix : public ::testing::Test {
 protected:
  Queue& queue() { return world_.queue(); }
  MessageId send(const std::string& body) { return queue().send(text(body)); }
  MessageId dead(const std::string& body) {
    const MessageId id = send(body);
    queue().receive()->reject();
    return id;
  }
  State state(const MessageId& id) { return queue().status(id)->state; }
  StoreWorld world_;
};

TEST_F(Fix, HoldsAndLetsGo) {
  const Ids ids{send("a"), send("b")};
  EXPECT_EQ(queue().hold(ids, "audit").changed, ids);
  EXPECT_FALSE(queue().receive());
  EXPECT_EQ(state(ids[0]), State::kHeld);
  EXPECT_EQ(queue().status(ids[0])->reason, "audit");
  EXPECT_EQ(queue().hold(ids, "again").skipped_other, 2U);
  EXPECT_EQ(queue().unhold(ids).changed, ids);
  EXPECT_EQ(queue().unhold(ids).skipped_other, 2U);
  EXPECT_EQ(drain(queue()), (Bodies{"a", "b"}));
}

TEST_F(Fix, SkipsAndCountsWhatItCannotChange) {
  const MessageId leased = send("leased");
  const Receipt receipt = queue().receive()->detach();
  const MessageId ready = send("ready");
  const MessageId unknown = some_id(1);
  for (const FixResult& result :
       {queue().hold(Ids{leased, ready, unknown}, ""), queue().requeue(Ids{leased, unknown}),
        queue().remove(Ids{leased, unknown})}) {
    EXPECT_EQ(result.skipped_leased, 1U);
    EXPECT_EQ(result.missing, Ids{unknown});
  }
  EXPECT_EQ(queue().ack(std::span(&receipt, 1)).front(), LeaseOutcome::kDone);
}

TEST_F(Fix, ExpiresWhatExpiredWhileItWasHeld) {
  Message mortal = text("x");
  mortal.expires_at_ms = world_.clock().wall_ms() + 1000;
  const MessageId id = queue().send(mortal);
  queue().hold(Ids{id}, "");
  world_.clock().advance(2s);
  EXPECT_FALSE(queue().receive());
  EXPECT_EQ(state(id), State::kHeld);
  queue().unhold(Ids{id});
  EXPECT_FALSE(queue().receive());
  EXPECT_EQ(queue().status(id)->reason, "expired");
}

TEST_F(Fix, HeldAndDeadStaySoAfterARestartAndARebuild) {
  const MessageId held = send("held");
  queue().hold(Ids{held}, "wait");
  const MessageId corpse = dead("dead");
  queue().maintain();
  for (int round = 0; round < 2; ++round) {
    world_.power_cut(1s);
    if (round == 1) queue().fsck(FsckMode::kRebuildIndex);
    EXPECT_EQ(state(held), State::kHeld);
    EXPECT_EQ(queue().status(held)->reason, "wait");
    EXPECT_EQ(state(corpse), State::kDead);
    EXPECT_EQ(queue().status(corpse)->reason, "rejected");
    EXPECT_FALSE(queue().receive());
  }
}

TEST_F(Fix, RevokesALivingHoldersLeaseWithoutAFailure) {
  const MessageId id = send("x");
  auto delivery = queue().receive();
  EXPECT_EQ(queue().revoke(Ids{id}).changed, Ids{id});
  EXPECT_EQ(queue().revoke(Ids{id}).skipped_other, 1U);
  EXPECT_EQ(refusal([&] { delivery->ack(); }), ErrorCode::kLeaseLost);
  EXPECT_EQ(queue().status(id)->counters.failures, 0);
  EXPECT_EQ(take(queue()), "x");
}

TEST_F(Fix, RequeuesTheDeadWithFreshFailuresAtTheEnd) {
  const MessageId id = dead("dead");
  send("other");
  EXPECT_EQ(queue().requeue(Ids{id}).changed, Ids{id});
  EXPECT_EQ(queue().status(id)->counters.failures, 0);
  EXPECT_EQ(queue().status(id)->counters.redrives, 1);
  EXPECT_EQ(queue().status(id)->reason, "");
  EXPECT_EQ(queue().requeue(Ids{id}).skipped_other, 1U);
  EXPECT_EQ(drain(queue()), (Bodies{"other", "dead"}));
}

TEST_F(Fix, RequeuesWhatExpiredWithoutItsOldTime) {
  Message mortal = text("x");
  mortal.expires_at_ms = world_.clock().wall_ms() + 1000;
  const MessageId id = queue().send(mortal);
  world_.clock().advance(1s);
  EXPECT_FALSE(queue().receive());
  queue().requeue(Ids{id});
  EXPECT_EQ(take(queue()), "x");
}

TEST_F(Fix, StopsRequeueingAtTheLimitUnlessToldToForgetIt) {
  const MessageId id = send("x");
  for (int redrive = 1; redrive <= 5; ++redrive) {
    queue().receive()->reject();
    ASSERT_EQ(queue().requeue(Ids{id}).changed.size(), 1U);
  }
  queue().receive()->reject();
  const FixResult refused = queue().requeue(Ids{id});
  EXPECT_TRUE(refused.changed.empty());
  EXPECT_EQ(refused.skipped_other, 1U);
  EXPECT_EQ(queue().status(id)->reason, "redrive_limit");
  EXPECT_EQ(queue().requeue(Ids{id}, true).changed, Ids{id});
  EXPECT_EQ(queue().status(id)->counters.redrives, 0);
  EXPECT_EQ(take(queue()), "x");
}

TEST_F(Fix, DeletesInAnyStateButLeased) {
  const MessageId held = send("held");
  queue().hold(Ids{held}, "");
  Message later = text("later");
  later.not_before_ms = world_.clock().wall_ms() + 1000;
  const Ids ids{held, queue().send(later), dead("dead"), send("ready")};
  EXPECT_EQ(queue().remove(ids).changed, ids);
  EXPECT_EQ(total(queue()), 0);
  EXPECT_EQ(queue().remove(ids).missing, ids);
  queue().maintain();
  world_.reopen();
  EXPECT_TRUE(world_.spool_files().empty());
  EXPECT_EQ(total(queue()), 0);
}

TEST_F(Fix, StaysDoneAcrossAPowerCutRightAfterwards) {
  const MessageId gone = send("gone");
  const MessageId held = send("held");
  const MessageId back = dead("back");
  queue().remove(Ids{gone});
  queue().hold(Ids{held}, "");
  queue().requeue(Ids{back});
  world_.power_cut(1s);
  EXPECT_FALSE(queue().status(gone));
  EXPECT_EQ(state(held), State::kHeld);
  EXPECT_EQ(drain(queue()), Bodies{"back"});
}

TEST_F(Fix, TellsItsHistory) {
  const MessageId id = send("x");
  const MessageId other = send("other");
  queue().hold(Ids{id}, "why");
  queue().unhold(Ids{id});
  queue().receive()->reject("bad");
  queue().requeue(Ids{id});
  const std::vector<std::string> lines = queue().trace(id);
  ASSERT_EQ(lines.size(), 4U);
  for (const auto& [line, act] :
       {std::pair{0, "hold"}, {1, "unhold"}, {2, "dead"}, {3, "requeue"}}) {
    EXPECT_NE(lines[static_cast<std::size_t>(line)].find("\"act\":\"" + std::string(act) + "\""),
              std::string::npos)
        << lines[static_cast<std::size_t>(line)];
  }
  EXPECT_NE(lines[0].find("\"reason\":\"why\""), std::string::npos);
  EXPECT_TRUE(queue().trace(other).empty());
}

TEST_F(Fix, TellsOfAcksOnlyWhereAllIsWanted) {
  const MessageId quiet = send("x");
  EXPECT_EQ(take(queue()), "x");
  EXPECT_TRUE(queue().trace(quiet).empty());
  queue().configure(std::vector<SettingText>{{"history", "all"}});
  const MessageId told = send("x");
  EXPECT_EQ(take(queue()), "x");
  ASSERT_EQ(queue().trace(told).size(), 1U);
  EXPECT_NE(queue().trace(told)[0].find("\"act\":\"acked\""), std::string::npos);
  queue().configure(std::vector<SettingText>{{"history", "off"}});
  const MessageId silent = dead("x");
  EXPECT_TRUE(queue().trace(silent).empty());
}

}  // namespace
}  // namespace spoolmq::test

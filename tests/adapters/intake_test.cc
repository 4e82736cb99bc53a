#include "adapters/intake.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "spoolmq/error.h"
#include "tests/adapters/directory_world.h"

namespace spoolmq::adapters::test {
namespace {

class IntakeTest : public ::testing::Test {
 protected:
  void make(const Settings& settings = {}) {
    world_.emplace(settings);
    place_.clock = &world_->clock();
    place_.counters = &counters_;
    place_.name = "in";
    place_.on_refused = [this](const std::string& subject, const std::string& why) {
      refused_.push_back(subject + ": " + why);
    };
    intake_.emplace(world_->queue(), place_, Intake::Limits{4, 100});
  }
  void add(const std::string& body, std::uint64_t token = 0, const std::string& from = {}) {
    Message message;
    message.body = body;
    message.from.name = from;
    intake_->add(std::move(message), token);
  }

  void send(const std::string& body) {
    Message message;
    message.body = body;
    world_->queue().send(std::move(message));
  }

  std::optional<DirectoryWorld> world_;
  AdapterCounters counters_;
  AdapterPlace place_;
  std::vector<std::string> refused_;
  std::optional<Intake> intake_;
};

TEST_F(IntakeTest, AnswersEachInItsOrderOnceAllAreDurable) {
  make();
  add("a", 7);
  add("b", 9);
  const std::vector<Intake::Taken> taken = intake_->flush();
  ASSERT_EQ(taken.size(), 2);
  EXPECT_EQ(taken[0].token, 7);
  EXPECT_EQ(taken[1].token, 9);
  EXPECT_TRUE(taken[0].is_sent && taken[1].is_sent);
  EXPECT_LT(taken[0].id, taken[1].id);
  EXPECT_TRUE(intake_->is_empty());
  EXPECT_TRUE(intake_->flush().empty());
  EXPECT_EQ(counters_.moved, 2);
  world_->restart(Cut::kPowerNamesLost);
  EXPECT_EQ(world_->drain(), (std::multiset<std::string>{"a", "b"}));
}

TEST_F(IntakeTest, SharesOneSyncAmongAllThatCameTogether) {
  make();
  for (const char* const first : {"1", "2"}) send(first);  // the second begins a segment
  const std::int64_t before = world_->queue().stats().totals.syncs;
  for (int i = 0; i < 4; ++i) add("body");
  intake_->flush();
  send("so that the totals are told");
  EXPECT_LE(world_->queue().stats().totals.syncs - before, 2);
}

TEST_F(IntakeTest, RefusesABadOneAndSendsTheOthers) {
  Settings json;
  json.check = BodyCheck::kJson;
  make(json);
  add("1", 1, "peer");
  add("{", 2, "peer");
  add("3", 3, "peer");
  const std::vector<Intake::Taken> taken = intake_->flush();
  ASSERT_EQ(taken.size(), 3);
  EXPECT_TRUE(taken[0].is_sent);
  EXPECT_FALSE(taken[1].is_sent);
  EXPECT_FALSE(taken[1].why.empty());
  EXPECT_TRUE(taken[2].is_sent);
  ASSERT_EQ(refused_.size(), 1);
  EXPECT_EQ(refused_[0], "peer: " + taken[1].why);
  EXPECT_EQ(counters_.refused, 1);
  EXPECT_EQ(world_->drain(), (std::multiset<std::string>{"1", "3"}));
}

TEST_F(IntakeTest, KeepsWhatAFullQueueDoesNotTake) {
  Settings bounded;
  bounded.capacity = 2;
  make(bounded);
  for (const char* const body : {"a", "b", "c"}) add(body);
  EXPECT_THROW(intake_->flush(), Error);
  EXPECT_FALSE(intake_->is_empty());
  EXPECT_EQ(world_->drain(), (std::multiset<std::string>{"a", "b"}));
  const std::vector<Intake::Taken> taken = intake_->flush();
  EXPECT_EQ(taken.size(), 3);  // also those that were sent before the refusal
  EXPECT_EQ(world_->drain(), (std::multiset<std::string>{"c"}));
}

TEST_F(IntakeTest, IsNotHeldByAQueueThatBlocksItsSenders) {
  Settings blocking;
  blocking.capacity = 1;
  blocking.overflow = Overflow::kBlock;
  make(blocking);
  add("a", 1);
  add("b", 2);
  EXPECT_THROW(intake_->flush(), Error);  // that it returns at all is the point
  const std::vector<Intake::Taken> settled = intake_->take_settled();
  ASSERT_EQ(settled.size(), 1);
  EXPECT_EQ(settled[0].token, 1);
  EXPECT_EQ(world_->drain(), (std::multiset<std::string>{"a"}));
  EXPECT_EQ(intake_->flush().size(), 1);
  EXPECT_EQ(world_->drain(), (std::multiset<std::string>{"b"}));
}

TEST_F(IntakeTest, LeavesNothingInARendezvousThatNobodyCameTo) {
  Settings rendezvous;
  rendezvous.capacity = 0;
  make(rendezvous);
  add("a");
  add("b");
  EXPECT_THROW(intake_->flush(), Error);
  EXPECT_TRUE(intake_->take_settled().empty());
  EXPECT_FALSE(intake_->is_empty());
  EXPECT_TRUE(world_->drain().empty());
}

TEST_F(IntakeTest, IsFullByCountOrByBytes) {
  make();
  for (int i = 0; i < 3; ++i) add("x");
  EXPECT_FALSE(intake_->is_full());
  add("x");
  EXPECT_TRUE(intake_->is_full());
  intake_->flush();
  add(std::string(100, 'x'));
  EXPECT_TRUE(intake_->is_full());
}

TEST_F(IntakeTest, HasPatienceWithAQueueThatIsDrained) {
  Settings bounded;
  bounded.capacity = 1;
  make(bounded);
  for (const char* const body : {"a", "b", "c"}) add(body);
  std::size_t taken = 0;
  for (int i = 0; i < 3; ++i) {
    world_->clock().ahead_ms += 2900;
    taken += intake_->try_flush().size();
    EXPECT_EQ(intake_->is_refused(), i < 2);
    EXPECT_EQ(world_->drain().size(), 1U);
  }
  EXPECT_EQ(taken, 3U);
  add("d");
  add("e");
  EXPECT_EQ(intake_->try_flush().size(), 1U);
  world_->clock().ahead_ms += 2900;
  EXPECT_TRUE(intake_->try_flush().empty());
  world_->clock().ahead_ms += 100;
  EXPECT_THROW(intake_->try_flush(), Error);
  EXPECT_THROW(intake_->try_flush(), Error) << "no patience is left";
}

}  // namespace
}  // namespace spoolmq::adapters::test

#include "adapters/outflow.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <string>
#include <vector>

#include "spoolmq/error.h"
#include "tests/adapters/directory_world.h"

namespace spoolmq::adapters::test {
namespace {

class OutflowTest : public ::testing::Test {
 protected:
  void make(std::size_t window, const Settings& settings = {}) {
    world_.emplace(settings);
    place_.clock = &world_->clock();
    place_.counters = &counters_;
    place_.name = "out";
    outflow_.emplace(world_->queue(), place_, window);
  }
  void send(const std::string& body) {
    Message message;
    message.body = body;
    world_->queue().send(std::move(message));
  }
  // Null: none came within `patience_ms`.
  Delivery* next(int patience_ms = 10'000) {
    while (true) {
      if (Delivery* const one = outflow_->next()) return one;
      pollfd waited{outflow_->descriptor(), POLLIN, 0};
      if (::poll(&waited, 1, patience_ms) <= 0) return nullptr;
    }
  }
  MessageStatus status(const MessageId& id) { return world_->queue().status(id).value(); }

  std::optional<DirectoryWorld> world_;
  AdapterCounters counters_;
  AdapterPlace place_;
  std::optional<Outflow> outflow_;
};

TEST_F(OutflowTest, HandsOutInOrderAndAcknowledgesTogether) {
  make(8);
  for (const char* const body : {"a", "b", "c"}) send(body);
  std::string bodies;
  for (int i = 0; i < 3; ++i) {
    Delivery* const one = next();
    ASSERT_NE(one, nullptr);
    bodies += one->message().body;
    outflow_->settle(one->message().id, Verdict::kAck);
  }
  EXPECT_EQ(bodies, "abc");
  EXPECT_EQ(counters_.moved, 0);
  outflow_->flush();
  EXPECT_EQ(counters_.moved, 3);
  EXPECT_TRUE(outflow_->is_queue_empty());
}

TEST_F(OutflowTest, TakesNoMoreThanItsWindow) {
  make(2);
  for (const char* const body : {"a", "b", "c"}) send(body);
  Delivery* const first = next();
  ASSERT_NE(first, nullptr);
  ASSERT_NE(next(), nullptr);
  EXPECT_EQ(next(300), nullptr);
  EXPECT_EQ(world_->queue().stats().of(State::kLeased).messages, 2);
  outflow_->settle(first->message().id, Verdict::kAck);
  EXPECT_EQ(next(300), nullptr);  // an acknowledgement that is not durable keeps its place
  outflow_->flush();
  Delivery* const third = next();
  ASSERT_NE(third, nullptr);
  EXPECT_EQ(third->message().body, "c");
}

TEST_F(OutflowTest, EachVerdictDoesWhatItSays) {
  make(8);
  const std::vector<std::pair<Verdict, State>> cases{
      {Verdict::kNack, State::kDelayed},  {Verdict::kReject, State::kDead},
      {Verdict::kRelease, State::kReady}, {Verdict::kPause, State::kReady},
      {Verdict::kStop, State::kReady},
  };
  for (const auto& [verdict, state] : cases) {
    send("x");
    Delivery* const one = next();
    ASSERT_NE(one, nullptr);
    const MessageId id = one->message().id;
    world_->queue().pause({.receive = true, .send = false, .until_ms = 0, .reason = "", .by = ""});
    outflow_->settle(id, verdict, "because");
    const MessageStatus after = status(id);
    EXPECT_EQ(after.state, state);
    EXPECT_EQ(after.counters.failures,
              verdict == Verdict::kNack || verdict == Verdict::kReject ? 1 : 0);
    world_->queue().remove({{id}});
    world_->queue().resume();
  }
  EXPECT_EQ(counters_.refused, 1);
}

TEST_F(OutflowTest, GivesBackWhatWasNotSettled) {
  make(8);
  for (const char* const body : {"a", "b"}) send(body);
  Delivery* const one = next();
  ASSERT_NE(one, nullptr);
  outflow_->settle(one->message().id, Verdict::kAck);  // not flushed: done when it ends
  ASSERT_NE(next(), nullptr);
  outflow_.reset();
  EXPECT_EQ(world_->queue().stats().of(State::kLeased).messages, 0);
  EXPECT_EQ(world_->drain(), (std::multiset<std::string>{"b"}));
}

TEST_F(OutflowTest, ExtendsLeasesForAsLongAsAMessageIsHere) {
  make(1);
  send("slow");
  Delivery* const one = next();
  ASSERT_NE(one, nullptr);
  const MessageId id = one->message().id;
  for (int i = 0; i < 5; ++i) {
    world_->clock().ahead_ms += 20'000;  // more than half of the lease each time
    EXPECT_GT(outflow_->extend_due(), world_->clock().boot_ms());
    EXPECT_GT(status(id).lease_left_ms, 25'000);
  }
  outflow_->settle(id, Verdict::kAck);
  outflow_->flush();
  EXPECT_TRUE(outflow_->is_queue_empty());
}

TEST_F(OutflowTest, SurvivesALeaseThatWasTakenAway) {
  make(8);
  send("a");
  Delivery* const one = next();
  ASSERT_NE(one, nullptr);
  const MessageId id = one->message().id;
  world_->queue().revoke({{id}});
  outflow_->settle(id, Verdict::kNack, "late");
  Delivery* const again = next();
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(status(id).counters.failures, 0);
  outflow_->settle(id, Verdict::kAck);
  outflow_->flush();
}

}  // namespace
}  // namespace spoolmq::adapters::test

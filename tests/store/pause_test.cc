// Pausing, resuming, and changing a queue's settings while others have it open.
#include <gtest/gtest.h>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;

class Paused : public ::testing::Test {
 protected:
  Queue& queue() { return world_.queue(); }
  void pause(bool receive, bool send, std::int64_t until_ms = 0) {
    queue().pause({receive, send, until_ms, "because", "ops"});
  }
  void set(const std::string& key, const std::string& value) {
    queue().configure(std::vector<SettingText>{{key, value}});
  }
  StoreWorld world_;
};

TEST_F(Paused, RefusesToReceiveButFinishesRunningLeases) {
  queue().send(text("1"));
  queue().send(text("2"));
  auto running = queue().receive();
  pause(true, false);
  EXPECT_EQ(refusal([&] { static_cast<void>(queue().receive()); }), ErrorCode::kTryAgain);
  running->ack();
  queue().send(text("3"));
  queue().resume();
  EXPECT_EQ(drain(queue()), (std::vector<std::string>{"2", "3"}));
}

TEST_F(Paused, RefusesToSendButDelivers) {
  queue().send(text("1"));
  pause(false, true);
  EXPECT_EQ(refusal([&] { queue().send(text("2")); }), ErrorCode::kTryAgain);
  EXPECT_EQ(take(queue()), "1");
  queue().resume();
  queue().send(text("2"));
}

TEST_F(Paused, IsSeenByEveryHandle) {
  Queue other = world_.open();
  pause(true, true);
  EXPECT_EQ(refusal([&] { other.send(text("x")); }), ErrorCode::kTryAgain);
  EXPECT_EQ(refusal([&] { static_cast<void>(other.receive()); }), ErrorCode::kTryAgain);
  const auto pause = other.paused();
  ASSERT_TRUE(pause);
  EXPECT_TRUE(pause->receive && pause->send);
  EXPECT_EQ(pause->reason, "because");
  EXPECT_EQ(pause->by, "ops");
  other.resume();
  EXPECT_FALSE(queue().paused());
  queue().send(text("x"));
}

TEST_F(Paused, EndsByItselfAtItsTime) {
  queue().send(text("x"));
  pause(true, true, world_.clock().wall_ms() + 1000);
  EXPECT_EQ(refusal([&] { static_cast<void>(queue().receive()); }), ErrorCode::kTryAgain);
  world_.clock().advance(1s);
  EXPECT_FALSE(queue().paused());
  EXPECT_EQ(take(queue()), "x");
  queue().send(text("y"));
}

TEST_F(Paused, StaysPausedAfterARestartAndAPowerCut) {
  pause(true, false);
  world_.reopen();
  EXPECT_EQ(refusal([&] { static_cast<void>(queue().receive()); }), ErrorCode::kTryAgain);
  world_.power_cut(1s);
  EXPECT_EQ(refusal([&] { static_cast<void>(queue().receive()); }), ErrorCode::kTryAgain);
}

TEST_F(Paused, IsReplacedByTheNextPause) {
  pause(true, false);
  pause(false, true);
  EXPECT_FALSE(queue().receive());
  EXPECT_EQ(refusal([&] { queue().send(text("x")); }), ErrorCode::kTryAgain);
}

TEST_F(Paused, StaysPausedWhicheverByteOfItsFileIsTurnedOrCut) {
  queue().send(text("1"));
  const std::string path = "queues/q/paused";
  pause(true, false, world_.clock().wall_ms() + 3'600'000);
  const std::string whole = world_.disk().bytes_of(path);
  const auto expect_paused = [&](std::size_t at) {
    EXPECT_EQ(refusal([&] { static_cast<void>(queue().receive()); }), ErrorCode::kTryAgain) << at;
    ASSERT_TRUE(queue().paused()) << at;
  };
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int turned : {1, 2, 16}) {
      const char other = static_cast<char>(whole[at] ^ turned);
      ASSERT_TRUE(world_.disk().decay(path, at, {&other, 1}));
      expect_paused(at);
    }
    ASSERT_TRUE(world_.disk().decay(path, at, {&whole[at], 1}));
  }
  for (std::size_t size = whole.size(); size-- > 0;) {
    ASSERT_TRUE(world_.disk().decay_to(path, size));
    expect_paused(size);
  }
  const std::vector<FsckFinding> findings = queue().fsck(FsckMode::kLook);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].what, "pause");
  queue().resume();
  EXPECT_EQ(take(queue()), "1");
}

TEST_F(Paused, HasAReasonOfAnyBytes) {
  queue().pause({true, false, 0, "bad \xff byte", "ops"});
  ASSERT_TRUE(queue().paused());
  EXPECT_EQ(queue().paused()->reason, "bad \xEF\xBF\xBD byte");
  EXPECT_FALSE(queue().paused()->send);
}

TEST_F(Paused, StillLooksAndFixes) {
  const MessageId id = queue().send(text("x"));
  pause(true, true);
  EXPECT_EQ(total(queue()), 1);
  EXPECT_EQ(queue().hold(std::span(&id, 1), "").changed.size(), 1U);
}

using Configure = Paused;

TEST_F(Configure, TakesEffectInEveryOpenHandle) {
  Queue other = world_.open();
  other.send(text("x"));
  set("lease", "5s");
  EXPECT_EQ(other.settings().lease, 5s);
  const auto delivery = other.receive();
  EXPECT_EQ(other.status(delivery->receipt().id)->lease_left_ms, 5'000);
  set("capacity", "1");
  EXPECT_EQ(refusal([&] { other.send(text("y")); }), ErrorCode::kTryAgain);
}

TEST_F(Configure, SurvivesARestart) {
  set("max-failures", "3");
  world_.reopen();
  EXPECT_EQ(queue().settings().max_failures, 3);
  world_.power_cut(1s);
  EXPECT_EQ(queue().settings().max_failures, 3);
}

TEST_F(Configure, RefusesWhatItDoesNotKnowAndChangesNothing) {
  const Settings before = queue().settings();
  EXPECT_EQ(refusal([&] { set("colour", "red"); }), ErrorCode::kUsage);
  EXPECT_EQ(refusal([&] { set("lease", "soon"); }), ErrorCode::kBadData);
  EXPECT_EQ(refusal([&] {
              queue().configure(std::vector<SettingText>{{"lease", "5s"}, {"capacity", "x"}});
            }),
            ErrorCode::kBadData);
  EXPECT_EQ(queue().settings(), before);
}

TEST_F(Configure, LeavesModeAndGroupAlone) {
  EXPECT_EQ(refusal([&] { set("mode", "0666"); }), ErrorCode::kUsage);
  EXPECT_EQ(refusal([&] { set("group", "users"); }), ErrorCode::kUsage);
}

}  // namespace
}  // namespace spoolmq::test

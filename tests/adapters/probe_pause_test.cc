#include "adapters/probe_pause.h"

#include <gtest/gtest.h>

namespace spoolmq::adapters {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const ProbeSchedule::Time kStart{};

TEST(ProbeSchedule, LetsEverybodyThroughWhileTheDestinationAnswers) {
  ProbeSchedule schedule;
  EXPECT_EQ(schedule.try_enter(kStart), Pass::kNormal);
  EXPECT_EQ(schedule.try_enter(kStart), Pass::kNormal);
  schedule.leave(Pass::kNormal, Met::kAnswer, kStart);
  EXPECT_TRUE(schedule.is_open());
}

TEST(ProbeSchedule, SendsOneProbeAfterASecond) {
  ProbeSchedule schedule;
  schedule.leave(Pass::kNormal, Met::kUnavailable, kStart);
  EXPECT_FALSE(schedule.is_open());
  EXPECT_EQ(schedule.try_enter(kStart + milliseconds(999)), std::nullopt);
  EXPECT_EQ(schedule.next_try(), kStart + seconds(1));
  EXPECT_EQ(schedule.try_enter(kStart + seconds(1)), Pass::kProbe);
  EXPECT_EQ(schedule.try_enter(kStart + seconds(1)), std::nullopt);
  EXPECT_EQ(schedule.next_try(), std::nullopt);
  schedule.leave(Pass::kProbe, Met::kAnswer, kStart + seconds(1));
  EXPECT_TRUE(schedule.is_open());
}

TEST(ProbeSchedule, DoublesUpToAMinuteAndForgetsAfterAnAnswer) {
  ProbeSchedule schedule;
  ProbeSchedule::Time now = kStart;
  schedule.leave(Pass::kNormal, Met::kUnavailable, now);
  for (const int expected_s : {1, 2, 4, 8, 16, 32, 60, 60}) {
    ASSERT_EQ(schedule.next_try(), now + seconds(expected_s));
    now += seconds(expected_s);
    ASSERT_EQ(schedule.try_enter(now), Pass::kProbe);
    schedule.leave(Pass::kProbe, Met::kUnavailable, now);
  }
  now += seconds(60);
  ASSERT_EQ(schedule.try_enter(now), Pass::kProbe);
  schedule.leave(Pass::kProbe, Met::kAnswer, now);
  schedule.leave(Pass::kNormal, Met::kUnavailable, now);
  EXPECT_EQ(schedule.next_try(), now + seconds(1));
}

TEST(ProbeSchedule, IgnoresWhatWasTakenBeforeThePause) {
  ProbeSchedule schedule;
  schedule.leave(Pass::kNormal, Met::kUnavailable, kStart);
  schedule.leave(Pass::kNormal, Met::kUnavailable, kStart + milliseconds(500));
  EXPECT_EQ(schedule.next_try(), kStart + seconds(1));
  schedule.leave(Pass::kNormal, Met::kAnswer, kStart + milliseconds(600));
  EXPECT_FALSE(schedule.is_open());
}

TEST(ProbeSchedule, LetsTheNextOneProbeWhenThereWasNoMessage) {
  ProbeSchedule schedule;
  schedule.leave(Pass::kNormal, Met::kUnavailable, kStart);
  ASSERT_EQ(schedule.try_enter(kStart + seconds(1)), Pass::kProbe);
  schedule.leave(Pass::kProbe, Met::kNoMessage, kStart + seconds(1));
  EXPECT_EQ(schedule.try_enter(kStart + seconds(1)), Pass::kProbe);
}

TEST(ProbePause, ReleasesWhoeverWaitsWhenStopped) {
  ProbePause pause;
  pause.leave(Pass::kNormal, Met::kUnavailable);
  pause.stop();
  EXPECT_EQ(pause.enter(), std::nullopt);
  EXPECT_FALSE(pause.sleep(std::chrono::hours(1)));
}

}  // namespace
}  // namespace spoolmq::adapters

#include "adapters/command_end.h"

#include <gtest/gtest.h>

#include <csignal>
#include <map>

namespace spoolmq::adapters {
namespace {

TEST(Verdict, FollowsTheExitCode) {
  const std::map<int, Verdict> special = {
      {0, Verdict::kAck},    {65, Verdict::kReject}, {100, Verdict::kReject},
      {69, Verdict::kPause}, {64, Verdict::kStop},   {77, Verdict::kStop},
      {78, Verdict::kStop},  {126, Verdict::kStop},  {127, Verdict::kStop},
  };
  for (int code = 0; code < 256; ++code) {
    const auto found = special.find(code);
    const Verdict expected = found == special.end() ? Verdict::kNack : found->second;
    EXPECT_EQ(verdict_of({Ending::kExited, code}), expected) << code;
  }
}

TEST(Verdict, CountsASignalAsAFailureWhateverItsNumber) {
  for (const int signal : {SIGTERM, SIGKILL, 64}) {
    EXPECT_EQ(verdict_of({Ending::kSignalled, signal}), Verdict::kNack);
  }
}

TEST(Verdict, KnowsWhoEndedTheCommand) {
  EXPECT_EQ(verdict_of({Ending::kTimedOut}), Verdict::kNack);
  EXPECT_EQ(verdict_of({Ending::kBadBody}), Verdict::kReject);
  EXPECT_EQ(verdict_of({Ending::kInterrupted}), Verdict::kRelease);
  EXPECT_EQ(verdict_of({Ending::kLeaseLost}), Verdict::kNone);
}

TEST(Verdict, SaysWhy) {
  EXPECT_EQ(describe({Ending::kExited, 3}), "command exited with 3");
  EXPECT_EQ(describe({Ending::kSignalled, SIGKILL}), "command ended by signal 9 (SIGKILL)");
  EXPECT_EQ(describe({Ending::kBadBody, 0, "checksum"}), "body cannot be read: checksum");
}

}  // namespace
}  // namespace spoolmq::adapters

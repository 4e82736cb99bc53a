// The account itself: a log without fault passes, and each kind of fault is seen.
#include "tests/crash/kill_ledger.h"

#include <gtest/gtest.h>

#include <sstream>

namespace spoolmq::test {
namespace {

// One message sent by p1, taken by c2 and acknowledged.
const std::string kSend = "sending p1 a 77 - 1 p1.0:1\nsent p1 a ID-A\n";
const std::string kTake = "got c2 ID-A a 1 77\n";
const std::string kAck = "acking c2 ID-A\nacked c2 ID-A\n";
const std::string kKeys =
    "sending p1 x 5 k 1 p1.0:1\nsent p1 x ID-X\nsending p1 y 6 k 2 p1.0:2\nsent p1 y ID-Y\n";

struct Case {
  const char* name;
  std::string log;
  std::map<std::string, std::string> left;
  const char* violation;  // a part of it; null: none
};

std::string entries(const std::string& text) {
  std::istringstream lines(text);
  std::string log;
  for (std::string line; std::getline(lines, line);) log += log_entry(line);
  return log;
}

class LedgerFaults : public ::testing::TestWithParam<Case> {};

TEST_P(LedgerFaults, AreSeen) {
  Ledger ledger;
  ledger.read(entries(GetParam().log));
  const std::vector<std::string> violations = ledger.finish(GetParam().left);
  if (GetParam().violation == nullptr) {
    EXPECT_TRUE(violations.empty()) << violations.front();
    return;
  }
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_NE(violations[0].find(GetParam().violation), std::string::npos) << violations[0];
}

INSTANTIATE_TEST_SUITE_P(
    All, LedgerFaults,
    ::testing::Values(
        Case{"Clean", kSend + kTake + kAck, {}, nullptr},
        Case{"CleanAfterADeath",
             kSend + kTake + "killing c2\ngot c3 ID-A a 2 77\nacking c3 ID-A\n",
             {},
             nullptr},
        Case{"CleanWhereItGotSomethingJustBeforeTheKill",
             kKeys + "killing c2\ngot c2 ID-X x 1 5\ngot c3 ID-X x 2 5\nacking c3 ID-X\n" +
                 "got c3 ID-Y y 1 6\nacking c3 ID-Y\n",
             {},
             nullptr},
        Case{"CleanCutShort",
             "sending p1 a 77 - 1 p1.0:1\nkilling p1\ngot c2 ID-A a 1 77\nacking c2 ID-A\n",
             {},
             nullptr},
        Case{"Lost", kSend, {}, "lost: a"},
        Case{"StillThere", kSend, {{"ID-A", "ready"}}, "still there"},
        Case{"Unrejected", kSend, {{"ID-A", "dead"}}, "without a rejection"},
        Case{"AfterAck",
             kSend + kTake + kAck + "got c3 ID-A a 2 77\nreleasing c3 ID-A\n",
             {},
             "after its ack"},
        Case{"CleanRejection",
             kSend + kTake + "rejecting c2 ID-A\nrejected c2 ID-A\n",
             {{"ID-A", "dead"}},
             nullptr},
        Case{"CleanAckCutShort", kSend + kTake + "acking c2 ID-A\nkilling c2\n", {}, nullptr},
        Case{"LostAfterARejection",
             kSend + kTake + "rejecting c2 ID-A\nrejected c2 ID-A\n",
             {},
             "and not dead"},
        Case{"StillThereAfterARejection",
             kSend + kTake + "rejecting c2 ID-A\nrejected c2 ID-A\n",
             {{"ID-A", "ready"}},
             "still there"},
        Case{"WithoutALease",
             kSend + "got c2 ID-A a 1 77\nacking c3 ID-A\n",
             {},
             "without its lease"},
        Case{"NeverBegun",
             kSend + kTake + "releasing c2 ID-A\nrejected c2 ID-A\ngot c3 ID-A a 2 77\n" +
                 "acking c3 ID-A\n",
             {},
             "never began"},
        Case{"Torn", kSend + "got c2 ID-A a 1 78\n" + kAck, {}, "another body"},
        Case{"TwiceUnderALease",
             kSend + kTake + "got c3 ID-A a 2 77\nacking c3 ID-A\n",
             {},
             "while c2 held it"},
        Case{"CountNotRaised",
             kSend + kTake + "killing c2\ngot c3 ID-A a 1 77\nacking c3 ID-A\n",
             {},
             "again with count"},
        Case{"Phantom", "sending p1 a 77 - 1 p1.0:1\ngot c2 ID-A a 1 77\n" + kAck, {}, "phantom"},
        Case{"Unknown", kSend + kTake + kAck, {{"ID-Z", "ready"}}, "unknown message"},
        Case{"TwoIds", kSend + "sent p1 a ID-B\n" + kTake + kAck, {}, "two ids"},
        Case{"OutOfOrder",
             kKeys + "got c2 ID-Y y 1 6\nacking c2 ID-Y\ngot c2 ID-X x 1 5\nacking c2 ID-X\n",
             {},
             "came before number 1"},
        Case{"TwoOfOneKey",
             kKeys + "got c2 ID-X x 1 5\nacking c2 ID-X\ngot c2 ID-Y y 1 6\n"
                     "sending p3 z 5 k 1 p3.0:1\nsent p3 z ID-Z\ngot c3 ID-Z z 1 5\n"
                     "acking c3 ID-Z\nacking c2 ID-Y\n",
             {},
             "of the same key was out"}),
    [](const auto& one) { return one.param.name; });

// Its consumer was killed while it wrote that it would acknowledge.
TEST(Ledger, KnowsALineThatWasCutByAKill) {
  const std::string cut = log_entry("acking c2 ID-A").substr(0, 14);
  const std::string rest = entries("got c3 ID-A a 2 77\nacking c3 ID-A\n");
  Ledger killed;
  killed.read(entries(kSend + kTake + "killing c2\n") + cut + rest);
  EXPECT_TRUE(killed.finish({}).empty());
  Ledger alive;
  alive.read(entries(kSend + kTake + "releasing c2 ID-A\n") + cut + rest);
  EXPECT_EQ(alive.finish({}).size(), 1U);
}

}  // namespace
}  // namespace spoolmq::test

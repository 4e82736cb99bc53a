#include "cli/pace.h"

#include <gtest/gtest.h>

namespace spoolmq::cli {
namespace {

using std::chrono::microseconds;

TEST(ParseRate, TakesANumberPerSecond) {
  EXPECT_EQ(parse_rate("1/s"), 1);
  EXPECT_EQ(parse_rate("50/s"), 50);
  EXPECT_EQ(parse_rate("1000000/s"), kMostRate);
}

TEST(ParseRate, RefusesEverythingElse) {
  for (const auto* text : {"", "/s", "50", "50/m", "50 /s", "0/s", "-1/s", "1.5/s", "1000001/s",
                           "99999999999999999999/s", "50/ss"}) {
    EXPECT_FALSE(parse_rate(text)) << text;
  }
}

TEST(SliceOf, IsAQuarterOfASecondsShareWithinItsLimits) {
  EXPECT_EQ(slice_of({}), kSlice);
  EXPECT_EQ(slice_of(1), 1U);
  EXPECT_EQ(slice_of(40), 10U);
  EXPECT_EQ(slice_of(kMostRate), kSlice);
}

TEST(DueAfter, KeepsTheRateOverAnyNumber) {
  EXPECT_EQ(due_after(50, 0), microseconds(0));
  EXPECT_EQ(due_after(50, 1), microseconds(20'000));
  EXPECT_EQ(due_after(50, 125), microseconds(2'500'000));
  EXPECT_EQ(due_after(3, 1), microseconds(333'333));
  EXPECT_EQ(due_after(kMostRate, 4'000'000'000'000), std::chrono::seconds(4'000'000));
}

}  // namespace
}  // namespace spoolmq::cli

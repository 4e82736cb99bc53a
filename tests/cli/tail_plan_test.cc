// The options of tail: where it begins, and what contradicts itself.

#include "cli/tail_plan.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

using Given = std::vector<std::pair<std::string, std::string>>;
using Begin = TailPlan::Begin;

TailPlan plan(const Given& given, bool json = false) {
  Context context;
  context.json = json;
  Arguments arguments;
  for (const auto& [option, value] : given) arguments.add(option, value);
  return read_tail_plan(context, arguments);
}

bool is_refused(const Given& given, bool json = false) {
  try {
    plan(given, json);
    return false;
  } catch (const Error& error) {
    return error.code() == ErrorCode::kUsage;
  }
}

TEST(TailPlan, BeginsWithTheLastTen) {
  const TailPlan by_default = plan({});
  EXPECT_EQ(by_default.begin, Begin::kLast);
  EXPECT_EQ(by_default.count, 10U);
  EXPECT_FALSE(by_default.follow || by_default.null || by_default.timeout);
  EXPECT_EQ(plan({{"-n", "3"}}).count, 3U);
  EXPECT_EQ(plan({{"--follow", ""}}).begin, Begin::kLast);
}

TEST(TailPlan, BeginsWhereItIsTold) {
  EXPECT_EQ(plan({{"--from", "oldest"}}).begin, Begin::kOldest);
  EXPECT_EQ(plan({{"--after", "0a1b2c"}}).begin, Begin::kAfter);
  EXPECT_EQ(plan({{"--after", "0a1b2c"}}).after, "0a1b2c");
  EXPECT_EQ(plan({{"--from", "now"}, {"--follow", ""}}).begin, Begin::kNow);
  EXPECT_EQ(plan({{"-n", "0"}, {"--follow", ""}}).begin, Begin::kNow);
  EXPECT_EQ(plan({{"--timeout", "2s"}, {"--follow", ""}}).timeout, Milliseconds{2000});
  EXPECT_TRUE(plan({{"--null", ""}}).null);
}

TEST(TailPlan, RefusesWhatContradictsItselfOrShowsNothing) {
  EXPECT_TRUE(is_refused({{"-n", "0"}}));
  EXPECT_TRUE(is_refused({{"-n", "-1"}, {"--follow", ""}}));
  EXPECT_TRUE(is_refused({{"-n", "1000001"}}));
  EXPECT_TRUE(is_refused({{"-n", "many"}}));
  EXPECT_TRUE(is_refused({{"--from", "now"}}));
  EXPECT_TRUE(is_refused({{"--from", "yesterday"}}));
  EXPECT_TRUE(is_refused({{"--timeout", "2s"}}));
  EXPECT_TRUE(is_refused({{"--null", ""}}, true));
  EXPECT_TRUE(is_refused({{"-n", "1"}, {"--from", "oldest"}}));
  EXPECT_TRUE(is_refused({{"-n", "1"}, {"--after", "0a1b2c"}}));
  EXPECT_TRUE(is_refused({{"--after", "0a1b2c"}, {"--from", "oldest"}}));
}

}  // namespace
}  // namespace spoolmq::cli

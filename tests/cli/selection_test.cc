#include "cli/selection.h"

#include <gtest/gtest.h>

#include <string>

namespace spoolmq::cli {
namespace {

// What the refusal says, or nothing where the options are taken.
std::string refusal_of(const Arguments& arguments) {
  try {
    filter_of(arguments);
    return {};
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
}

TEST(FilterOf, TakesEverythingWithoutOptions) {
  const Filter filter = filter_of({});
  EXPECT_TRUE(filter.states.empty());
  EXPECT_FALSE(filter.selector);
}

TEST(FilterOf, CollectsStatesOnce) {
  Arguments arguments;
  for (const auto* state : {"dead", "held", "dead"}) arguments.add("--state", state);
  arguments.add("--where", "age > 1h");
  const Filter filter = filter_of(arguments);
  EXPECT_EQ(filter.states, (std::vector<State>{State::kDead, State::kHeld}));
  EXPECT_TRUE(filter.selector);
}

TEST(FilterOf, RefusesAnUnknownState) {
  Arguments arguments;
  arguments.add("--state", "gone");
  EXPECT_NE(refusal_of(arguments).find("gone"), std::string::npos);
}

TEST(FilterOf, NamesTheColumnOfAMistake) {
  Arguments arguments;
  arguments.add("--where", "state = dead and colour = red");
  EXPECT_NE(refusal_of(arguments).find("column 18: unknown name colour"), std::string::npos);
}

TEST(FilterOf, RefusesASecondExpression) {
  Arguments arguments;
  arguments.add("--where", "age > 1h");
  arguments.add("--where", "age < 2h");
  EXPECT_NE(refusal_of(arguments).find("twice"), std::string::npos);
}

}  // namespace
}  // namespace spoolmq::cli

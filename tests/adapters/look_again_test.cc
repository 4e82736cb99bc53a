#include "adapters/look_again.h"

#include <gtest/gtest.h>

namespace spoolmq::adapters {
namespace {

using Paths = std::vector<std::string>;

TEST(LookAgain, GivesEachPathOnceWhenItsTimeHasCome) {
  LookAgain again;
  again.add("late", 30);
  again.add("soon", 10);
  again.add("then", 20);
  EXPECT_EQ(again.next(), 10);
  EXPECT_EQ(again.take_due(9, 10), Paths{});
  EXPECT_EQ(again.take_due(20, 10), (Paths{"soon", "then"}));
  EXPECT_EQ(again.take_due(20, 10), Paths{});
  EXPECT_EQ(again.next(), 30);
  EXPECT_EQ(again.size(), 1U);
}

TEST(LookAgain, ReplacesTheTimeOfAPath) {
  LookAgain again;
  again.add("a", 10);
  again.add("a", 30);
  EXPECT_EQ(again.take_due(20, 10), Paths{});
  again.add("a", 5);
  EXPECT_EQ(again.take_due(20, 10), Paths{"a"});
  EXPECT_EQ(again.size(), 0U);
  EXPECT_EQ(again.next(), std::nullopt);
}

TEST(LookAgain, TakesNoMoreThanItIsAskedFor) {
  LookAgain again;
  for (const char* path : {"a", "b", "c"}) again.add(path, 0);
  EXPECT_EQ(again.take_due(0, 2).size(), 2U);
  EXPECT_EQ(again.take_due(0, 2).size(), 1U);
}

TEST(LookAgain, ForgetsWhatIsRemoved) {
  LookAgain again;
  again.add("a", 1);
  again.add("b", 1);
  again.remove("a");
  again.remove("unknown");
  EXPECT_FALSE(again.contains("a"));
  EXPECT_TRUE(again.contains("b"));
  again.clear();
  EXPECT_FALSE(again.contains("b"));
  EXPECT_EQ(again.next(), std::nullopt);
}

}  // namespace
}  // namespace spoolmq::adapters

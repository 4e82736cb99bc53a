#include "adapters/last_words.h"

#include <gtest/gtest.h>

namespace spoolmq::adapters {
namespace {

TEST(LastWords, AreOneLine) {
  LastWords words("a");
  words.hear("first\r\n\nsecond\x1b\nthird", 0);
  EXPECT_EQ(words.text(), "first; second?; third");
  EXPECT_EQ(with_words("it ended", words.text()), "it ended: first; second?; third");
  EXPECT_EQ(with_words("it ended", ""), "it ended");
}

TEST(LastWords, AreTheLastFourKilobytes) {
  LastWords words("a");
  for (int i = 0; i < 3000; ++i) words.hear(std::string(1000, 'x') + "\n", i);
  words.hear("the end", 3000);
  EXPECT_TRUE(words.text().ends_with("x; the end"));
  EXPECT_LE(words.text().size(), kMostLastWords + 8);
}

TEST(LastWords, ComeThroughAPipeUntilItEnds) {
  LastWords words("a");
  words.read(0);
  EXPECT_EQ(words.text(), "");
  ASSERT_EQ(::write(words.their_end(), "help\n", 5), 5);
  words.read(0);
  EXPECT_EQ(words.text(), "help");
  EXPECT_GE(words.descriptor(), 0);
  words.close_their_end();
  words.read(0);
  EXPECT_LT(words.descriptor(), 0);
  words.read(0);
}

}  // namespace
}  // namespace spoolmq::adapters

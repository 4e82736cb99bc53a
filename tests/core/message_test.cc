#include "spoolmq/message.h"

#include <gtest/gtest.h>

namespace spoolmq {
namespace {

TEST(Message, FindsTheFirstHeaderOfAName) {
  Message message;
  message.headers = {{"site", "LYS"}, {"Site", "other"}, {"site", "second"}, {"empty", ""}};
  ASSERT_NE(message.header("site"), nullptr);
  EXPECT_EQ(*message.header("site"), "LYS");
  EXPECT_EQ(*message.header("Site"), "other");
  EXPECT_EQ(*message.header("empty"), "");
}

TEST(Message, HasNoHeaderThatWasNotGiven) {
  Message message;
  EXPECT_EQ(message.header("site"), nullptr);
  message.headers = {{"site", "LYS"}};
  EXPECT_EQ(message.header("SITE"), nullptr);
  EXPECT_EQ(message.header("sit"), nullptr);
  EXPECT_EQ(message.header(""), nullptr);
}

TEST(Message, BodySizeIsThatOfTheLargeBodyWhereThereIsOne) {
  Message message;
  EXPECT_EQ(message.body_size(), 0u);
  message.body = std::string(5, '\0');
  EXPECT_EQ(message.body_size(), 5u);
  message.body.clear();
  message.large_body = LargeBody{.length = 1ull << 40, .checksum = 7};
  EXPECT_EQ(message.body_size(), 1ull << 40);
}

TEST(Message, IsAValue) {
  Message message;
  message.headers = {{"a", "b"}};
  Message copy = message;
  EXPECT_EQ(copy, message);
  copy.from.pid = 1;
  EXPECT_NE(copy, message);
}

}  // namespace
}  // namespace spoolmq

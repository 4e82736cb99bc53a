#include <gtest/gtest.h>

#include "tests/adapters/split_run.h"

namespace spoolmq::adapters {
namespace {

using Texts = std::vector<std::string>;

TEST(SplitLines, GivesEachLineWithoutItsEnd) {
  struct {
    std::string bytes;
    Texts lines;
  } const cases[] = {
      {"", {}},
      {"\n", {}},
      {"a", {"a"}},
      {"a\n", {"a"}},
      {"a\r\nb\n", {"a", "b"}},
      {"a\n\n\r\nb", {"a", "b"}},
      {"a\rb\n", {"a\rb"}},
      {"a\r", {"a\r"}},
      {"a\r\r\n", {"a\r"}},
      {" \n", {" "}},
      {"\xEF\xBB\xBF"
       "a\nb",
       {"a", "b"}},
      {"\xEF\xBB\xBF", {}},
      {"\xEF\xBB", {"\xEF\xBB"}},
      {"a\n\xEF\xBB\xBF"
       "b",
       {"a",
        "\xEF\xBB\xBF"
        "b"}},
      {std::string("a\0b\n\xFF\n", 6), {std::string("a\0b", 3), "\xFF"}},
  };
  for (const auto& one : cases) EXPECT_EQ(outcomes(split("lines", one.bytes)), one.lines);
}

TEST(SplitLines, SaysWhereEachStands) {
  const auto records = split("lines", "\xEF\xBB\xBFone\r\n\ntwo\nthree");
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].number, 1U);
  EXPECT_EQ(records[0].offset, 3U);
  EXPECT_EQ(records[0].line, 1U);
  EXPECT_EQ(records[1].number, 2U);
  EXPECT_EQ(records[1].offset, 9U);
  EXPECT_EQ(records[1].line, 3U);
  EXPECT_EQ(records[2].offset, 13U);
  EXPECT_EQ(records[2].line, 4U);
}

TEST(SplitLines, JoinedAreTheFile) {
  std::string bytes;
  for (int i = 0; i < 20'000; ++i) bytes += "line " + std::to_string(i) + "\n";
  std::string joined;
  for (const SplitRecord& one : split("lines", bytes, {.chunk = 1000})) joined += one.body + "\n";
  EXPECT_EQ(joined, bytes);
}

TEST(SplitLines, OneTooLongIsBadAndTheNextIsNot) {
  const auto records = split("lines", "12345\r\n123456\r\n12345\n1234567", {.limit = 5});
  EXPECT_EQ(outcomes(records),
            (Texts{"12345", "!it is longer than 5 bytes", "12345", "!it is longer than 5 bytes"}));
  EXPECT_EQ(records[1].body, "123456");
  EXPECT_EQ(records[1].offset, 7U);
  EXPECT_EQ(records[2].line, 3U);
  EXPECT_EQ(records[3].body, "1234567");
}

}  // namespace
}  // namespace spoolmq::adapters

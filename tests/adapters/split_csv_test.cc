#include <gtest/gtest.h>

#include "tests/adapters/split_run.h"

namespace spoolmq::adapters {
namespace {

using Texts = std::vector<std::string>;

TEST(SplitCsv, PutsTheHeaderLineBeforeEachRecord) {
  struct {
    std::string bytes;
    Texts records;
  } const cases[] = {
      {"", {}},
      {"\r\n\n", {}},
      {"id,name", {}},
      {"id,name\n", {}},
      {"id,name\n1,a\n2,b", {"id,name\n1,a\n", "id,name\n2,b"}},
      {"id,name\r\n1,a\r\n2,b\r\n", {"id,name\r\n1,a\r\n", "id,name\r\n2,b\r\n"}},
      {"\xEF\xBB\xBFid\n1\n", {"id\n1\n"}},
      {"\n\nid\n\n1\n\r\n2\n", {"id\n1\n", "id\n2\n"}},
      {"a,b\n\"x\r\ny\",\"1,2\"\n", {"a,b\n\"x\r\ny\",\"1,2\"\n"}},
      {"a,b\n\"x\n\ny\",2\n", {"a,b\n\"x\n\ny\",2\n"}},
      {"a,b\n\"say \"\"hi\"\"\",\"\"\n", {"a,b\n\"say \"\"hi\"\"\",\"\"\n"}},
      {"\"a\nb\",c\n1,2\n", {"\"a\nb\",c\n1,2\n"}},
      {"a,b\n,\n", {"a,b\n,\n"}},
      {"a\n\"\"\n", {"a\n\"\"\n"}},
      {"a,b\n\" x\", y \n", {"a,b\n\" x\", y \n"}},
      {"a\n\xFF\xFE\n", {"a\n\xFF\xFE\n"}},
      {"a\n\"1\"", {"a\n\"1\""}},
  };
  for (const auto& one : cases) EXPECT_EQ(outcomes(split("csv", one.bytes)), one.records);
}

TEST(SplitCsv, ABadRecordLeavesTheOthers) {
  struct {
    const char* bad;  // between two good ones
    const char* why;
  } const cases[] = {
      {"3\n", "it has 1 fields, the header line has 2"},
      {"3,4,5\r\n", "it has 3 fields, the header line has 2"},
      {"3,\"4\n4\",5\n", "it has 3 fields, the header line has 2"},
      {"3,a\"b\"\n",
       "a quote stands in a field that does not begin with one; the next record "
       "begins behind the next line end"},
      {"3, \"b\"\n",
       "a quote stands in a field that does not begin with one; the next record "
       "begins behind the next line end"},
      {"\"3\" ,4\n",
       "something follows the closing quote of a field; the next record begins "
       "behind the next line end"},
      {"3,\"4\n4\"x,\"\n",
       "something follows the closing quote of a field; the next record "
       "begins behind the next line end"},
      {"3\r,4\n",
       "a CR without LF stands outside quotes; the next record begins behind the next "
       "line end"},
      {"\"3\"\r\"4\n",
       "a CR without LF stands outside quotes; the next record begins behind the "
       "next line end"},
  };
  for (const auto& one : cases) {
    const auto records = split("csv", std::string("a,b\n1,2\n") + one.bad + "5,6\n");
    EXPECT_EQ(outcomes(records), (Texts{"a,b\n1,2\n", std::string("!") + one.why, "a,b\n5,6\n"}));
    EXPECT_EQ(records[1].body, one.bad);
    EXPECT_EQ(records[1].number, 2U);
    EXPECT_EQ(records[1].offset, 8U);
    EXPECT_EQ(records[1].line, 3U);
  }
}

TEST(SplitCsv, AnUnclosedQuoteIsTheLastBadRecord) {
  const auto records = split("csv", "a,b\n1,2\n3,\"4\n5,6\n");
  EXPECT_EQ(outcomes(records),
            (Texts{"a,b\n1,2\n", "!a quote is not closed before the end of the file"}));
  EXPECT_EQ(records[1].body, "3,\"4\n5,6\n");
}

TEST(SplitCsv, ABadHeaderLineMakesTheFileOneBadRecord) {
  const std::string front = "!nothing can be made of the file, for its header line is bad: ";
  struct {
    const char* bytes;
    const char* why;
  } const cases[] = {
      {"a\",b\n1,2\n", "a quote stands in a field that does not begin with one"},
      {"\"a,b\n1,2\n", "a quote is not closed before the end of the file"},
      {"a,b\r1,2\r", "a CR without LF stands outside quotes"},
      {"a,b\r", "a CR without LF stands at the end of the file"},
      {"a,12345678\n1,2\n", "it is longer than 10 bytes"},
  };
  for (const auto& one : cases) {
    const auto records = split("csv", one.bytes, {.limit = 10});
    EXPECT_EQ(outcomes(records), Texts{front + one.why});
    EXPECT_EQ(records[0].body, one.bytes);
  }
}

TEST(SplitCsv, ItsLimitCountsTheHeaderLine) {
  const auto records = split("csv", "a,b\n1,2\n1,234\n5,\"6\n7\"\n8,9", {.limit = 8});
  const std::string bad = "!it is longer than 8 bytes with the header line";
  EXPECT_EQ(outcomes(records), (Texts{"a,b\n1,2\n", bad, bad, "a,b\n8,9"}));
  EXPECT_EQ(records[2].body, "5,\"6\n7\"\n");
}

TEST(SplitCsv, JoinedAreTheFile) {
  const std::string header = "id,text\r\n";
  std::string bytes = header;
  for (int i = 0; i < 20'000; ++i) bytes += std::to_string(i) + ",\"x\n" + "\"\"\"\r\n";
  std::string joined = header;
  for (const SplitRecord& one : split("csv", bytes, {.chunk = 1000})) {
    ASSERT_TRUE(one.body.starts_with(header));
    joined += one.body.substr(header.size());
  }
  EXPECT_EQ(joined, bytes);
}

}  // namespace
}  // namespace spoolmq::adapters

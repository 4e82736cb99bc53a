#include "cli/table.h"

#include <gtest/gtest.h>

namespace spoolmq::cli {
namespace {

TEST(Table, AlignsColumnsLeftAndRightUnderTheirTitles) {
  Table table({{"ID"}, {"SIZE", Align::kRight}, {"FROM"}});
  table.add({"a", "12", "press"});
  table.add({"bcd", "12345", "x"});
  EXPECT_EQ(table.take(),
            "ID    SIZE  FROM\n"
            "a       12  press\n"
            "bcd  12345  x\n");
}

TEST(Table, LeavesNoSpacesAtTheEndsOfLines) {
  Table table({{"A"}, {"LONG TITLE"}});
  table.add({"x", "y"});
  table.add({"x", "ends in spaces  "});
  EXPECT_EQ(table.take(), "A  LONG TITLE\nx  y\nx  ends in spaces\n");
}

TEST(Table, CountsCodePointsNotBytes) {
  Table table({{"NAME"}, {"N", Align::kRight}});
  table.add({"Zürich", "1"});
  table.add({"Geneva", "2"});
  EXPECT_EQ(table.take(), "NAME    N\nZürich  1\nGeneva  2\n");
}

TEST(Table, ShowsAnEmptyCellAsADash) {
  Table table({{"A"}, {"B"}});
  table.add({"", ""});
  EXPECT_EQ(table.take(), "A  B\n-  -\n");
}

TEST(Table, MakesCellsSafeForATerminal) {
  Table table({{"A"}});
  table.add({"red\x1b[31m\n\xff"});
  EXPECT_EQ(table.take(), "A\nred?[31m??\n");
}

TEST(Table, PrintsTheHeaderOnceAndKeepsWidthsFromBlockToBlock) {
  Table table({{"A"}, {"B"}});
  EXPECT_EQ(table.take(), "");
  table.add({"wide", "1"});
  EXPECT_EQ(table.rows(), 1U);
  EXPECT_EQ(table.take(), "A     B\nwide  1\n");
  EXPECT_EQ(table.take(), "");
  table.add({"x", "2"});
  EXPECT_EQ(table.take(), "x     2\n");
}

TEST(Shortened, CutsBetweenCodePointsAndSaysSo) {
  EXPECT_EQ(shortened("Zürich", 6), "Zürich");
  EXPECT_EQ(shortened("Zürich", 3), "Zü…");
  EXPECT_EQ(shortened("Zürich", 1), "…");
  EXPECT_EQ(shortened("", 1), "");
}

TEST(RoughDuration, NamesTheLargestUnitThatFits) {
  EXPECT_EQ(rough_duration(-5), "0s");
  EXPECT_EQ(rough_duration(999), "0s");
  EXPECT_EQ(rough_duration(59'999), "59s");
  EXPECT_EQ(rough_duration(60'000), "1m");
  EXPECT_EQ(rough_duration(3'599'999), "59m");
  EXPECT_EQ(rough_duration(86'399'999), "23h");
  EXPECT_EQ(rough_duration(9 * 86'400'000LL), "9d");
}

TEST(RoughSize, NamesTheLargestUnitThatFits) {
  EXPECT_EQ(rough_size(0), "0");
  EXPECT_EQ(rough_size(1023), "1023");
  EXPECT_EQ(rough_size(1024), "1K");
  EXPECT_EQ(rough_size(1536), "1.5K");
  EXPECT_EQ(rough_size(10 * 1024 + 512), "10K");
  EXPECT_EQ(rough_size(1024 * 1024 - 1), "1023K");
  EXPECT_EQ(rough_size(1024 * 1024), "1M");
  EXPECT_EQ(rough_size(UINT64_MAX), "15E");
}

TEST(SenderText, PrefersTheNameToTheUserId) {
  EXPECT_EQ(sender_text({.uid = 1000, .pid = 4, .name = "press"}), "press");
  EXPECT_EQ(sender_text({.uid = 1000, .pid = 4, .name = ""}), "uid:1000");
}

}  // namespace
}  // namespace spoolmq::cli

#include "adapters/import_selection.h"

#include <gtest/gtest.h>

namespace spoolmq::adapters {
namespace {

FileStatus file_of(std::uint64_t size) {
  FileStatus status;
  status.kind = FileKind::kRegular;
  status.links = 1;
  status.size = size;
  return status;
}

std::string rule_of(const FileStatus& status, const ImportSettings& settings, bool is_known = false,
                    std::int64_t age_ms = 0) {
  const auto unfit = find_unfit(status, is_known, age_ms, settings);
  return unfit ? unfit->rule : "fit";
}

TEST(ImportSelection, MatchesNamesAndRelativePaths) {
  ImportSettings settings;
  EXPECT_TRUE(is_selected("a/b.xml", settings));
  settings.include = {"*.xml", "in/*.csv"};
  settings.exclude = {"x*", "a/b/*"};
  EXPECT_TRUE(is_selected("b.xml", settings));
  EXPECT_TRUE(is_selected("a/b.xml", settings));
  EXPECT_TRUE(is_selected("in/b.csv", settings));
  EXPECT_FALSE(is_selected("b.csv", settings));
  EXPECT_FALSE(is_selected("a/x.xml", settings));
  EXPECT_FALSE(is_selected("a/b/c.xml", settings));
}

TEST(ImportSelection, SizesAndAgesAreLimitsThatMayBeMet) {
  ImportSettings settings;
  settings.min_size = 2;
  settings.max_size = 4;
  settings.min_age = std::chrono::milliseconds(100);
  settings.max_age = std::chrono::milliseconds(200);
  const auto aged = [&](std::uint64_t size, std::int64_t age_ms) {
    return rule_of(file_of(size), settings, false, age_ms);
  };
  EXPECT_EQ(aged(1, 150), "size");
  EXPECT_EQ(aged(2, 150), "fit");
  EXPECT_EQ(aged(4, 150), "fit");
  EXPECT_EQ(aged(5, 150), "size");
  EXPECT_EQ(aged(3, 99), "age");
  EXPECT_EQ(aged(3, 100), "fit");
  EXPECT_EQ(aged(3, 200), "fit");
  EXPECT_EQ(aged(3, 201), "age");
}

TEST(ImportSelection, TellsWhenAFileIsOldEnough) {
  ImportSettings settings;
  settings.min_age = std::chrono::milliseconds(100);
  const auto young = find_unfit(file_of(1), false, 30, settings);
  ASSERT_TRUE(young);
  EXPECT_EQ(young->left_ms, 70);
  EXPECT_FALSE(young->is_passed_over);
}

TEST(ImportSelection, TakesOneNameOnlyOfWhatStrangersLink) {
  ImportSettings settings;
  FileStatus linked = file_of(1);
  linked.links = 2;
  EXPECT_EQ(rule_of(linked, settings), "links");
  EXPECT_EQ(rule_of(linked, settings, true), "fit");
  settings.trusted = true;
  EXPECT_EQ(rule_of(linked, settings), "fit");
  FileStatus pipe = file_of(1);
  pipe.kind = FileKind::kOther;
  EXPECT_EQ(rule_of(pipe, settings), "kind");
}

}  // namespace
}  // namespace spoolmq::adapters

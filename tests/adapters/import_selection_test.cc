#include "adapters/import_selection.h"

#include <gtest/gtest.h>

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kNowMs = 1'000'000;

FileStatus file_of(std::uint64_t size, std::int64_t age_ms = 0) {
  FileStatus status;
  status.kind = FileKind::kRegular;
  status.links = 1;
  status.size = size;
  status.mtime_ns = (kNowMs - age_ms) * 1'000'000;
  return status;
}

std::string rule_of(const FileStatus& status, const ImportSettings& settings,
                    bool is_known = false) {
  const auto unfit = find_unfit(status, is_known, kNowMs, settings);
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
  EXPECT_EQ(rule_of(file_of(1, 150), settings), "size");
  EXPECT_EQ(rule_of(file_of(2, 150), settings), "fit");
  EXPECT_EQ(rule_of(file_of(4, 150), settings), "fit");
  EXPECT_EQ(rule_of(file_of(5, 150), settings), "size");
  EXPECT_EQ(rule_of(file_of(3, 99), settings), "age");
  EXPECT_EQ(rule_of(file_of(3, 100), settings), "fit");
  EXPECT_EQ(rule_of(file_of(3, 200), settings), "fit");
  EXPECT_EQ(rule_of(file_of(3, 201), settings), "age");
}

TEST(ImportSelection, TellsWhenAFileIsOldEnough) {
  ImportSettings settings;
  settings.min_age = std::chrono::milliseconds(100);
  const auto young = find_unfit(file_of(1, 30), false, kNowMs, settings);
  ASSERT_TRUE(young);
  EXPECT_EQ(young->left_ms, 70);
  EXPECT_FALSE(young->is_passed_over);
  const auto from_tomorrow = find_unfit(file_of(1, -1000), false, kNowMs, settings);
  ASSERT_TRUE(from_tomorrow);
  EXPECT_EQ(from_tomorrow->left_ms, 1100);
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

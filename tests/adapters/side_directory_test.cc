#include "adapters/side_directory.h"

#include <gtest/gtest.h>

#include "spoolmq/error.h"
#include "tests/support/memory_file_system.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kNoonMs = 1'790'000'000'000;  // in September 2026, wherever it is

class SideDirectoryTest : public testing::Test {
 protected:
  SideDirectoryTest() {
    disk_.root()->make_dir("in", 0700);
    disk_.root()->sync();
    in_ = disk_.root()->open_dir("in");
  }
  using IfMissing = SideDirectory::IfMissing;
  std::optional<SideDirectory> open(const std::string& path,
                                    IfMissing if_missing = IfMissing::kMake) {
    return SideDirectory::open(*in_, path, "done", if_missing);
  }
  ErrorCode refusal(const std::string& path) {
    try {
      open(path);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  }

  spoolmq::test::MemoryFileSystem disk_;
  std::unique_ptr<Dir> in_;
};

TEST_F(SideDirectoryTest, MakesWhatItsTemplateNamesWhenItIsUsed) {
  SideDirectory done = *open("done/{date:%Y}/{path:1}");
  EXPECT_TRUE(disk_.names("in/done").empty());
  done.at("lyon/a.xml", kNoonMs).create("a.xml", 0600, IfExists::kFail);
  done.at("b.xml", kNoonMs).create("b.xml", 0600, IfExists::kFail);
  EXPECT_EQ(disk_.names("in/done/2026"), (std::vector<std::string>{"b.xml", "lyon"}));
  EXPECT_EQ(disk_.names("in/done/2026/lyon"), std::vector<std::string>{"a.xml"});
}

TEST_F(SideDirectoryTest, WhatIsMadeInItIsReadByWhoeverMayListIt) {
  const std::pair<std::uint32_t, std::uint32_t> modes[] = {
      {0700, 0600}, {0750, 0640}, {0775, 0644}, {02770, 0640}};
  for (const auto& [directory, file] : modes) {
    in_->set_mode(directory);
    EXPECT_EQ(file_mode_in(*in_), file) << directory;
  }
}

TEST_F(SideDirectoryTest, BeginsWhereItsPlainPartsEnd) {
  SideDirectory done = *open("aside/done/{date:%Y}");
  EXPECT_TRUE(done.base().path().ends_with("in/aside/done"));
  done.at("a", kNoonMs);
  EXPECT_EQ(disk_.names("in/aside/done"), std::vector<std::string>{"2026"});
}

TEST_F(SideDirectoryTest, WhatItMadeAndHoldsIsDurableAfterASync) {
  SideDirectory done = *open("done/{date:%Y}/{date:%m}");
  done.at("a", kNoonMs).create("a", 0600, IfExists::kFail)->sync();
  done.sync();
  const auto later =
      disk_.after_power_cut(spoolmq::test::Names::kLost, spoolmq::test::Bytes::kTorn);
  EXPECT_EQ(later->names("in/done/2026/09"), std::vector<std::string>{"a"});
}

TEST_F(SideDirectoryTest, NamesOfStrangersLeadNowhereElse) {
  SideDirectory done = *open("done/{path:1}/{path:2}");
  done.at("../../x", kNoonMs).create("f", 0600, IfExists::kFail);
  done.at("./..", kNoonMs).create("g", 0600, IfExists::kFail);
  EXPECT_EQ(disk_.names("in/done"), (std::vector<std::string>{"f", "g"}));
  EXPECT_EQ(disk_.names(""), std::vector<std::string>{"in"});
}

TEST_F(SideDirectoryTest, CutsWhatIsTooLongForAName) {
  SideDirectory errors = *open("errors/of {name}");
  const std::string name(255, 'n');
  errors.at(name, kNoonMs).create("f", 0600, IfExists::kFail);
  ASSERT_EQ(disk_.names("in/errors").size(), 1U);
  EXPECT_LE(disk_.names("in/errors").front().size(), 255U);
}

TEST_F(SideDirectoryTest, ManyInnerDirectoriesAreNotOpenAtOnce) {
  SideDirectory done = *open("done/{path:1}");
  for (int i = 0; i < 200; ++i) {
    done.at(std::to_string(i) + "/f", kNoonMs).create("f", 0600, IfExists::kFail)->sync();
  }
  done.sync();
  const auto later =
      disk_.after_power_cut(spoolmq::test::Names::kLost, spoolmq::test::Bytes::kTorn);
  EXPECT_EQ(later->names("in/done").size(), 200U);
  EXPECT_EQ(later->names("in/done/0"), std::vector<std::string>{"f"});
}

TEST_F(SideDirectoryTest, MakesNothingForWhoeverOnlyLooks) {
  EXPECT_FALSE(open("done/{date:%Y}", IfMissing::kNone));
  EXPECT_TRUE(disk_.names("in").empty());
  in_->make_dir("done", 0700);
  EXPECT_TRUE(open("done/{date:%Y}", IfMissing::kNone));
}

TEST_F(SideDirectoryTest, RefusesWhatIsNoPlaceOfItsOwn) {
  EXPECT_EQ(refusal("{date:%Y}/done"), ErrorCode::kUsage);
  EXPECT_EQ(refusal("."), ErrorCode::kUsage);
  EXPECT_EQ(refusal(""), ErrorCode::kUsage);
  in_->create("file", 0600, IfExists::kFail);
  EXPECT_NE(refusal("file"), ErrorCode::kInternal);
}

}  // namespace
}  // namespace spoolmq::adapters

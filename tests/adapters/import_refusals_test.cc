#include "adapters/import_refusals.h"

#include <gtest/gtest.h>

#include "tests/support/memory_file_system.h"

namespace spoolmq::adapters {
namespace {

using Names = std::vector<std::string>;

class ImportRefusalsTest : public testing::Test {
 protected:
  ImportRefusalsTest() {
    for (const char* name : {"in", "errors"}) disk_.root()->make_dir(name, 0700);
    in_ = disk_.root()->open_dir("in");
    errors_ = disk_.root()->open_dir("errors");
    tree_.emplace(*in_);
    side_.emplace(disk_.root()->open_dir("errors"), std::nullopt);
    refusals_.emplace(*tree_, &*side_, clock_);
  }
  FileIdentity put(const std::string& name, const std::string& content) {
    in_->create(name, 0600, IfExists::kFail)->write_at(as_bytes(content), 0);
    return identity_of(*in_->status(name));
  }
  std::string error_file(const std::string& name) {
    return read_file(*errors_, name, 10'000).value_or("(none)");
  }
  static SplitRecord record(const std::string& body) {
    SplitRecord made;
    made.number = 3;
    made.line = 7;
    made.offset = 40;
    made.body = body;
    return made;
  }

  spoolmq::test::MemoryFileSystem disk_;
  std::unique_ptr<Dir> in_;
  std::unique_ptr<Dir> errors_;
  std::optional<SourceTree> tree_;
  std::optional<SideDirectory> side_;
  std::optional<ImportRefusals> refusals_;
  SystemClock clock_;
};

TEST_F(ImportRefusalsTest, MovesAFileWithItsReasonBesideIt) {
  EXPECT_TRUE(refusals_->move("a.xml", put("a.xml", "one"), "not\nXML"));
  EXPECT_EQ(error_file("a.xml"), "one");
  const std::string reason = error_file("a.xml.reason");
  EXPECT_NE(reason.find("/in/a.xml\n"), std::string::npos);
  EXPECT_EQ(reason.find("not\n"), std::string::npos);
  EXPECT_TRUE(disk_.names("in").empty());
  EXPECT_TRUE(refusals_->move("a.xml", put("a.xml", "one"), "not XML"));
  EXPECT_EQ(disk_.names("errors"), (Names{"a.1.xml", "a.1.xml.reason", "a.xml", "a.xml.reason"}));
}

TEST_F(ImportRefusalsTest, LeavesNoReasonWithoutItsFile) {
  const FileIdentity file = put("a", "one");
  in_->unlink("a");
  EXPECT_FALSE(refusals_->move("a", file, "bad"));
  put("a", "another one");
  EXPECT_FALSE(refusals_->move("a", file, "bad"));
  EXPECT_EQ(disk_.names("in"), Names{"a"});
  EXPECT_TRUE(disk_.names("errors").empty());
}

TEST_F(ImportRefusalsTest, TakesOverAReasonThatWasLeftAlone) {
  const FileIdentity file = put("a", "one");
  EXPECT_TRUE(refusals_->move("a", file, "bad"));
  errors_->unlink("a");
  EXPECT_TRUE(refusals_->move("a", put("a", "one"), "bad"));
  EXPECT_EQ(disk_.names("errors"), (Names{"a", "a.reason"}));
  errors_->unlink("a");
  EXPECT_TRUE(refusals_->move("a", put("a", "one"), "bad in another way"));
  EXPECT_EQ(disk_.names("errors"), (Names{"a.1", "a.1.reason", "a.reason"}));
}

TEST_F(ImportRefusalsTest, PutsARecordOnce) {
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(refusals_->put_record("a.csv", record("x"), "bad"));
  EXPECT_EQ(disk_.names("errors"), (Names{"a.record-3.csv", "a.record-3.csv.reason"}));
  const std::string reason = error_file("a.record-3.csv.reason");
  for (const char* line : {"record: 3\n", "line: 7\n", "offset: 40\n", "reason: bad\n"}) {
    EXPECT_NE(reason.find(line), std::string::npos) << line;
  }
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(refusals_->put_record("a.csv", record("y"), "bad"));
  EXPECT_EQ(error_file("a.record-3.1.csv"), "y");
  EXPECT_EQ(disk_.names("errors").size(), 4U);
}

TEST_F(ImportRefusalsTest, KeepsTheNumberInALongName) {
  const std::string name = std::string(251, 'n') + ".csv";
  EXPECT_TRUE(refusals_->put_record(name, record("x"), "bad"));
  EXPECT_TRUE(disk_.names("errors").at(0).ends_with(".record-3.csv"));
}

TEST_F(ImportRefusalsTest, CopiesAFileOnce) {
  const std::string body(200'000, 'b');
  put("a", body);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(refusals_->copy(*in_->open("a", Access::kRead), "a", "bad"));
  }
  EXPECT_EQ(disk_.names("errors"), (Names{"a", "a.reason"}));
  EXPECT_EQ(errors_->status("a")->size, body.size());
  EXPECT_EQ(disk_.names("in"), Names{"a"});
}

TEST_F(ImportRefusalsTest, NobodyFindsHalfACopy) {
  put("a", std::string(200'000, 'b'));
  std::size_t cuts = 0;
  for (; cuts < 100; ++cuts) {
    disk_.fail_at(cuts + 1, EIO);
    try {
      refusals_->copy(*in_->open("a", Access::kRead), "a", "bad");
    } catch (const Error&) {
      const auto there = errors_->status("a");
      ASSERT_TRUE(!there || there->size == 200'000U) << cuts;
      continue;
    }
    break;
  }
  disk_.stop_failing();
  EXPECT_GT(cuts, 3U);
  EXPECT_TRUE(refusals_->copy(*in_->open("a", Access::kRead), "a", "bad"));
  EXPECT_EQ(disk_.names("errors"), (Names{"a", "a.reason"}));
}

TEST_F(ImportRefusalsTest, WithoutAPlaceNothingIsPutAside) {
  ImportRefusals none(*tree_, nullptr, clock_);
  const FileIdentity file = put("a", "one");
  EXPECT_FALSE(none.has_place());
  EXPECT_FALSE(none.move("a", file, "bad"));
  EXPECT_FALSE(none.copy(*in_->open("a", Access::kRead), "a", "bad"));
  EXPECT_FALSE(none.put_record("a", record("x"), "bad"));
  EXPECT_EQ(disk_.names("in"), Names{"a"});
}

}  // namespace
}  // namespace spoolmq::adapters

#include "adapters/source_removal.h"

#include <gtest/gtest.h>

#include "tests/support/memory_file_system.h"

namespace spoolmq::adapters {
namespace {

using spoolmq::test::MemoryFileSystem;

const MessageId kId({1, 2, 3, 4, 5, 6, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 9});

class SourceRemovalTest : public testing::Test {
 protected:
  SourceRemovalTest() {
    for (const char* name : {"queue", "in", "done"}) disk_.root()->make_dir(name, 0700);
    database_.emplace(*disk_.root()->open_dir("queue"), 0600);
    identity_.emplace(*database_);
    in_ = disk_.root()->open_dir("in");
    done_ = disk_.root()->open_dir("done");
    tree_.emplace(*in_);
    side_.emplace(disk_.root()->open_dir("done"), std::nullopt);
  }

  void put(Dir& dir, const std::string& name, const std::string& content) {
    dir.create(name, 0600, IfExists::kFail)->write_at(as_bytes(content), 0);
  }

  // As after a pass that has sent it.
  FileIdentity put_done(const std::string& name, const std::string& content) {
    put(*in_, name, content);
    ImportClaim claim;
    claim.file = identity_of(*in_->status(name));
    claim.name = name;
    claim.content = 1;
    claim.id = kId;
    ImportIdentity::Step step;
    step.claims = {&claim, 1};
    identity_->take(identify(*in_), step, 0);
    identity_->mark({&kId, 1}, ImportState::kDone);
    return claim.file;
  }

  std::string content(Dir& dir, const std::string& name) {
    return read_file(dir, name, 1000).value_or("(none)");
  }

  MemoryFileSystem disk_;
  std::optional<IdentityDatabase> database_;
  std::optional<ImportIdentity> identity_;
  std::unique_ptr<Dir> in_;
  std::unique_ptr<Dir> done_;
  std::optional<SourceTree> tree_;
  std::optional<SideDirectory> side_;
  SystemClock clock_;
  watcher::ReadinessOptions ready_;
};

TEST_F(SourceRemovalTest, UnlinksTheImportedFile) {
  const FileIdentity file = put_done("f", "old");
  SourceRemoval removal(*tree_, nullptr, *identity_, clock_, ready_);
  EXPECT_EQ(removal.depart(kId, file, "f"), Departure::kGone);
  EXPECT_TRUE(disk_.names("in").empty());
}

TEST_F(SourceRemovalTest, MovesItBesideOthersOfItsName) {
  put(*done_, "f.csv", "earlier");
  put(*done_, "f.1.csv", "earlier too");
  const FileIdentity file = put_done("f.csv", "new");
  SourceRemoval removal(*tree_, &*side_, *identity_, clock_, ready_);
  EXPECT_EQ(removal.depart(kId, file, "f.csv"), Departure::kGone);
  EXPECT_TRUE(disk_.names("in").empty());
  EXPECT_EQ(content(*done_, "f.csv"), "earlier");
  EXPECT_EQ(content(*done_, "f.2.csv"), "new");
}

TEST_F(SourceRemovalTest, LeavesAFileThatTookTheName) {
  const FileIdentity file = put_done("f", "old");
  in_->unlink("f");
  put(*in_, "f", "new");
  SourceRemoval removal(*tree_, nullptr, *identity_, clock_, ready_);
  EXPECT_EQ(removal.depart(kId, file, "f"), Departure::kNotOurs);
  EXPECT_EQ(content(*in_, "f"), "new");
}

TEST_F(SourceRemovalTest, GivesBackANewFileThatItCaughtInstead) {
  put_done("f", "old");
  in_->unlink("f");
  put(*in_, departing_name(kId), "new, longer");
  SourceRemoval removal(*tree_, nullptr, *identity_, clock_, ready_);
  EXPECT_EQ(removal.resume(*identity_->find(kId), ""), Departure::kNotOurs);
  EXPECT_EQ(disk_.names("in"), std::vector<std::string>{"f"});
  EXPECT_EQ(content(*in_, "f"), "new, longer");
}

TEST_F(SourceRemovalTest, GivesItBackUnderANumberWhereItsNameIsTakenAgain) {
  put_done("f.csv", "old");
  in_->unlink("f.csv");
  put(*in_, departing_name(kId), "newer");
  put(*in_, "f.csv", "newest");
  SourceRemoval removal(*tree_, nullptr, *identity_, clock_, ready_);
  EXPECT_EQ(removal.resume(*identity_->find(kId), ""), Departure::kNotOurs);
  EXPECT_EQ(content(*in_, "f.csv"), "newest");
  EXPECT_EQ(content(*in_, "f.1.csv"), "newer");
}

TEST_F(SourceRemovalTest, GoesOnWhereAPassWasCutShort) {
  put_done("f", "old");
  ASSERT_TRUE(in_->rename_new("f", *in_, departing_name(kId)));
  SourceRemoval removal(*tree_, &*side_, *identity_, clock_, ready_);
  EXPECT_EQ(removal.resume(*identity_->find(kId), ""), Departure::kGone);
  EXPECT_TRUE(disk_.names("in").empty());
  EXPECT_EQ(content(*done_, "f"), "old");
}

TEST_F(SourceRemovalTest, KeepsKnowingAFileThatWasTouched) {
  FileIdentity file = put_done("f", "old");
  --file.ctime_ns;  // as if it had been touched since
  SourceRemoval removal(*tree_, nullptr, *identity_, clock_, ready_);
  EXPECT_EQ(removal.depart(kId, file, "f"), Departure::kStays);
  EXPECT_EQ(content(*in_, "f"), "old");
  EXPECT_EQ(identity_->find(kId)->state, ImportState::kKept);
}

TEST_F(SourceRemovalTest, SaysNothingOfAFileThatIsGone) {
  const FileIdentity file = put_done("f", "old");
  in_->unlink("f");
  SourceRemoval removal(*tree_, nullptr, *identity_, clock_, ready_);
  EXPECT_EQ(removal.depart(kId, file, "f"), Departure::kNotOurs);
}

TEST(DepartingName, IsParsedBack) {
  EXPECT_EQ(parse_departing_name(departing_name(kId)), kId);
  EXPECT_EQ(parse_departing_name(departing_name(kId) + "x"), std::nullopt);
  EXPECT_EQ(parse_departing_name(".spoolmq-import-"), std::nullopt);
  EXPECT_EQ(parse_departing_name(kId.text()), std::nullopt);
}

}  // namespace
}  // namespace spoolmq::adapters

#include "watcher/readiness.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include "tests/support/memory_file_system.h"

namespace spoolmq::watcher {
namespace {

using std::chrono::milliseconds;
using Kind = Verdict::Kind;

constexpr std::int64_t kStart = 5'000'000;  // boot milliseconds

FileStatus some_status(std::uint64_t inode = 17) {
  FileStatus status;
  status.kind = FileKind::kRegular;
  status.device = 1;
  status.inode = inode;
  status.size = 100;
  status.mtime_ns = 1'700'000'000'000'000'000;
  status.ctime_ns = 1'700'000'000'500'000'000;
  status.uid = ::geteuid();
  return status;
}

ReadinessOptions with(std::vector<Rule> rules) {
  ReadinessOptions options;
  options.rules = std::move(rules);
  return options;
}

// A file of the twin, whose locks a test can hold.
class ReadinessTest : public testing::Test {
 protected:
  Verdict look(Readiness& readiness, std::int64_t at_ms) {
    return readiness.look(status_, false, kStart + at_ms);
  }
  Verdict look_at_open(Readiness& readiness, Writers writers, std::int64_t at_ms) {
    return readiness.look_at_open(*file_, status_, writers, kStart + at_ms, 0);
  }

  spoolmq::test::MemoryFileSystem disk_;
  std::unique_ptr<File> producer_ = disk_.root()->create("f", 0600, IfExists::kFail);
  std::unique_ptr<File> file_ = disk_.root()->open("f", Access::kRead);
  FileStatus status_ = some_status();
};

void expect_ready(const Verdict& verdict) {
  EXPECT_EQ(verdict.kind, Kind::kReady) << verdict.why;
  EXPECT_EQ(verdict.rule, std::nullopt);
  EXPECT_EQ(verdict.why, "");
  EXPECT_EQ(verdict.again_boot_ms, std::nullopt);
}

// `again_ms` counts from kStart.
void expect_wait(const Verdict& verdict, Rule rule, const std::string& why,
                 std::optional<std::int64_t> again_ms) {
  EXPECT_EQ(verdict.kind, Kind::kWait);
  EXPECT_EQ(verdict.rule, rule);
  EXPECT_EQ(verdict.why, why);
  if (again_ms) *again_ms += kStart;
  EXPECT_EQ(verdict.again_boot_ms, again_ms);
}

// ---- Names

TEST_F(ReadinessTest, SkipsUnfinishedNamesUnderEveryRule) {
  for (const Rule rule :
       {Rule::kRename, Rule::kDoneFile, Rule::kClosed, Rule::kLocked, Rule::kStable}) {
    const Readiness readiness(with({rule}));
    const Verdict verdict = readiness.look_at_name("lyon/a.part");
    EXPECT_EQ(verdict.kind, Kind::kSkip);
    EXPECT_EQ(verdict.rule, Rule::kRename);
    EXPECT_EQ(verdict.why, "its name says that it is unfinished (*.part)");
    EXPECT_EQ(verdict.again_boot_ms, std::nullopt);
    expect_ready(readiness.look_at_name("lyon/a.csv"));
  }
}

TEST_F(ReadinessTest, SkipsDoneFilesWhereTheySpeakForOthers) {
  const Verdict verdict = Readiness(with({Rule::kDoneFile})).look_at_name("a.csv.done");
  EXPECT_EQ(verdict.kind, Kind::kSkip);
  EXPECT_EQ(verdict.rule, Rule::kDoneFile);
  EXPECT_EQ(verdict.why, "its name says that another file is finished ({name}.done)");
  expect_ready(Readiness(with({Rule::kClosed})).look_at_name("a.csv.done"));
}

TEST_F(ReadinessTest, TakesARenamedFileAtOnce) {
  Readiness readiness(with({Rule::kRename}));
  expect_ready(look(readiness, 0));
  expect_ready(look_at_open(readiness, Writers::kSome, 0));
}

// ---- Done file

TEST_F(ReadinessTest, WaitsForTheDoneFile) {
  Readiness readiness(with({Rule::kDoneFile}));
  const std::string why = "the file that says it is finished is not there ({name}.done)";
  expect_wait(readiness.look(status_, false, kStart), Rule::kDoneFile, why, std::nullopt);
  expect_wait(readiness.look(status_, false, kStart + 999'999), Rule::kDoneFile, why, std::nullopt);
  expect_ready(readiness.look(status_, true, kStart + 999'999));
}

TEST_F(ReadinessTest, AsksForTheDoneFileUnderThatRuleOnly) {
  Readiness readiness(with({Rule::kClosed, Rule::kLocked, Rule::kRename}));
  expect_ready(readiness.look(status_, false, kStart));
}

// ---- Stable

TEST_F(ReadinessTest, WaitsUntilAFileHasBeenStable) {
  Readiness readiness(with({Rule::kStable}));
  expect_wait(look(readiness, 0), Rule::kStable, "unchanged for 0s of 2s", 2'000);
  expect_wait(look(readiness, 40), Rule::kStable, "unchanged for 40ms of 2s", 2'000);
  expect_wait(look(readiness, 1'999), Rule::kStable, "unchanged for 1.9s of 2s", 2'000);
  expect_ready(look(readiness, 2'000));
}

TEST_F(ReadinessTest, BeginsAgainWhenAnythingHasChanged) {
  struct Case {
    const char* what;
    void (*change)(FileStatus& status);
  };
  for (const Case& c : {Case{"size", [](FileStatus& s) { ++s.size; }},
                        Case{"mtime", [](FileStatus& s) { ++s.mtime_ns; }},
                        Case{"mtime set back", [](FileStatus& s) { s.mtime_ns = 0; }},
                        Case{"ctime", [](FileStatus& s) { ++s.ctime_ns; }},
                        Case{"ctime after the clock was set back",
                             [](FileStatus& s) { s.ctime_ns -= 1'000'000'000'000; }}}) {
    Readiness readiness(with({Rule::kStable}));
    status_ = some_status();
    look(readiness, 0);
    c.change(status_);
    expect_wait(look(readiness, 3'000), Rule::kStable, "unchanged for 0s of 2s", 5'000);
    expect_ready(look(readiness, 5'000));
  }
}

TEST_F(ReadinessTest, NeverTakesAFileThatGrowsFasterThanItIsLookedAt) {
  Readiness readiness(with({Rule::kStable}));
  for (std::int64_t at_ms = 0; at_ms < 100'000; at_ms += 1'999) {
    ++status_.size;
    ++status_.mtime_ns;
    ++status_.ctime_ns;
    EXPECT_EQ(look(readiness, at_ms).kind, Kind::kWait);
    EXPECT_EQ(look(readiness, at_ms + 1'998).kind, Kind::kWait);
  }
}

TEST_F(ReadinessTest, SeesAChangeBetweenTheLookAndTheOpening) {
  Readiness readiness(with({Rule::kStable, Rule::kClosed}));
  look(readiness, 0);
  expect_ready(look(readiness, 2'000));
  ++status_.size;
  expect_wait(look_at_open(readiness, Writers::kNone, 2'001), Rule::kStable,
              "unchanged for 0s of 2s", 4'001);
  expect_ready(look(readiness, 4'001));
  expect_ready(look_at_open(readiness, Writers::kNone, 4'002));
}

TEST_F(ReadinessTest, NeedsOneLookWhereNoTimeIsAskedFor) {
  ReadinessOptions options = with({Rule::kStable});
  options.stable_for = milliseconds(0);
  Readiness readiness(options);
  expect_ready(look(readiness, 0));
}

TEST_F(ReadinessTest, WaitsAsLongAsIsAskedForHoweverLong) {
  ReadinessOptions options = with({Rule::kStable});
  options.stable_for = milliseconds(INT64_MAX);
  Readiness readiness(options);
  look(readiness, 0);
  EXPECT_EQ(look(readiness, 1).again_boot_ms, INT64_MAX);
}

TEST_F(ReadinessTest, TellsFilesApartByDeviceAndInode) {
  Readiness readiness(with({Rule::kStable}));
  look(readiness, 0);
  FileStatus other = status_;
  ++other.device;
  EXPECT_EQ(readiness.look(other, false, kStart + 2'000).kind, Kind::kWait);
  other = status_;
  ++other.inode;
  EXPECT_EQ(readiness.look(other, false, kStart + 2'000).kind, Kind::kWait);
  expect_ready(look(readiness, 2'000));
}

TEST_F(ReadinessTest, SaysTimesAsPeopleReadThem) {
  struct Case {
    std::int64_t elapsed_ms;
    std::int64_t wanted_ms;
    const char* why;
  };
  for (const Case& c :
       {Case{1, 50, "unchanged for 1ms of 50ms"}, Case{999, 1'000, "unchanged for 999ms of 1s"},
        Case{1'099, 2'500, "unchanged for 1s of 2.5s"},
        Case{12'999, 60'000, "unchanged for 12s of 60s"},
        Case{119'999, 120'000, "unchanged for 119s of 2m"},
        Case{185'000, 7'199'000, "unchanged for 3m 5s of 119m 59s"},
        Case{7'200'000, 86'400'000, "unchanged for 2h of 24h"},
        Case{7'800'000, 86'460'000, "unchanged for 2h 10m of 24h 1m"}}) {
    ReadinessOptions options = with({Rule::kStable});
    options.stable_for = milliseconds(c.wanted_ms);
    Readiness readiness(options);
    look(readiness, 0);
    expect_wait(look(readiness, c.elapsed_ms), Rule::kStable, c.why, c.wanted_ms);
  }
}

// ---- Closed

const std::string kMayBeOpen =
    "may be open: the lease is refused (its file system has none) and no close was seen; ";

TEST_F(ReadinessTest, GoesByTheLeaseWhereThereIsOne) {
  Readiness readiness(with({Rule::kClosed}));
  expect_ready(look(readiness, 0));
  expect_ready(look_at_open(readiness, Writers::kNone, 0));
  expect_wait(look_at_open(readiness, Writers::kSome, 999'999), Rule::kClosed,
              "open for writing by another program", std::nullopt);
}

TEST_F(ReadinessTest, LooksSoonAgainAtAFileThatIsStillOpenThoughACloseWasSeen) {
  Readiness readiness(with({Rule::kClosed}));
  readiness.closed(status_, kStart);
  struct Case {
    std::int64_t at_ms;
    std::int64_t again_ms;
  };
  for (const Case& c : {Case{0, 10}, Case{10, 20}, Case{20, 40}, Case{400, 800}, Case{990, 1'980},
                        Case{5'000, 6'000}, Case{50'000, 51'000}}) {
    expect_wait(look_at_open(readiness, Writers::kSome, c.at_ms), Rule::kClosed,
                "open for writing by another program", c.again_ms);
  }
}

TEST_F(ReadinessTest, WaitsForQuietWhereNeitherLeaseNorCloseIsKnown) {
  Readiness readiness(with({Rule::kClosed}));
  look(readiness, 0);
  expect_wait(look_at_open(readiness, Writers::kUnknown, 12'345), Rule::kClosed,
              kMayBeOpen + "unchanged for 12s of 60s", 60'000);
  EXPECT_EQ(look_at_open(readiness, Writers::kUnknown, 59'999).kind, Kind::kWait);
  expect_ready(look_at_open(readiness, Writers::kUnknown, 60'000));
}

TEST_F(ReadinessTest, SaysThatTheFileIsAnotherUsers) {
  Readiness readiness(with({Rule::kClosed}));
  status_.uid = ::geteuid() + 1;
  expect_wait(look_at_open(readiness, Writers::kUnknown, 0), Rule::kClosed,
              "may be open: the lease is refused (another user's file) and no close was seen; "
              "unchanged for 0s of 60s",
              60'000);
}

TEST_F(ReadinessTest, CountsTheQuietFromTheLastChange) {
  Readiness readiness(with({Rule::kClosed}));
  look(readiness, 0);
  ++status_.ctime_ns;
  expect_wait(look_at_open(readiness, Writers::kUnknown, 59'000), Rule::kClosed,
              kMayBeOpen + "unchanged for 0s of 60s", 119'000);
}

TEST_F(ReadinessTest, TakesACloseForProof) {
  Readiness readiness(with({Rule::kClosed}));
  look(readiness, 0);
  readiness.closed(status_, kStart + 1);
  expect_ready(look_at_open(readiness, Writers::kUnknown, 1));
  expect_ready(look_at_open(readiness, Writers::kUnknown, 100));
}

TEST_F(ReadinessTest, TakesTheCloseOfAFileItHadNotSeen) {
  Readiness readiness(with({Rule::kClosed}));
  readiness.closed(status_, kStart);
  expect_ready(look(readiness, 1));
  expect_ready(look_at_open(readiness, Writers::kUnknown, 1));
}

TEST_F(ReadinessTest, KeepsTheCloseOfAFileThatIsRenamed) {
  Readiness readiness(with({Rule::kClosed}));
  readiness.closed(status_, kStart);
  ++status_.ctime_ns;
  expect_ready(look_at_open(readiness, Writers::kUnknown, 1));
}

TEST_F(ReadinessTest, DropsTheCloseWhenTheContentChanged) {
  for (void (*change)(FileStatus&) :
       {+[](FileStatus& s) { ++s.size; }, +[](FileStatus& s) { ++s.mtime_ns; }}) {
    Readiness readiness(with({Rule::kClosed}));
    status_ = some_status();
    readiness.closed(status_, kStart);
    change(status_);
    expect_wait(look_at_open(readiness, Writers::kUnknown, 7), Rule::kClosed,
                kMayBeOpen + "unchanged for 0s of 60s", 60'007);
    readiness.closed(status_, kStart + 8);
    expect_ready(look_at_open(readiness, Writers::kUnknown, 8));
  }
}

TEST_F(ReadinessTest, DropsTheCloseWhenItHearsOfAWrite) {
  Readiness readiness(with({Rule::kClosed}));
  readiness.closed(status_, kStart);
  readiness.modified(status_);
  expect_wait(look_at_open(readiness, Writers::kUnknown, 5'000), Rule::kClosed,
              kMayBeOpen + "unchanged for 5s of 60s", 60'000);
  expect_wait(look_at_open(readiness, Writers::kSome, 5'000), Rule::kClosed,
              "open for writing by another program", std::nullopt);
  readiness.closed(status_, kStart + 6'000);
  expect_ready(look_at_open(readiness, Writers::kUnknown, 6'000));
}

TEST_F(ReadinessTest, DoesNotRememberAFileForAWriteAlone) {
  Readiness readiness(with({Rule::kClosed}));
  readiness.modified(status_);
  EXPECT_EQ(readiness.remembered(), 0U);
}

TEST_F(ReadinessTest, DoesNotTakeANewFileForTheOldOneOfItsInode) {
  Readiness readiness(with({Rule::kClosed, Rule::kStable}));
  readiness.closed(status_, kStart);
  expect_ready(look(readiness, 2'000));
  status_.size = 0;  // unlinked, and its inode given to the next file
  status_.mtime_ns += 1'000'000'000;
  status_.ctime_ns += 1'000'000'000;
  expect_wait(look(readiness, 3'000), Rule::kStable, "unchanged for 0s of 2s", 5'000);
  expect_wait(look_at_open(readiness, Writers::kUnknown, 5'000), Rule::kClosed,
              kMayBeOpen + "unchanged for 2s of 60s", 63'000);
}

// ---- Locked

TEST_F(ReadinessTest, WaitsForTheEndOfALock) {
  Readiness readiness(with({Rule::kLocked}));
  expect_ready(look(readiness, 0));
  ASSERT_TRUE(producer_->try_lock(0, 1, LockKind::kExclusive));
  expect_wait(look_at_open(readiness, Writers::kNone, 0), Rule::kLocked,
              "locked by another program", 1'000);
  readiness.closed(status_, kStart);
  expect_wait(look_at_open(readiness, Writers::kNone, 1), Rule::kLocked,
              "locked by another program", 11);
  producer_->unlock(0, 1);
  expect_ready(look_at_open(readiness, Writers::kSome, 11));
}

TEST_F(ReadinessTest, DoesNotMindLocksUnlessTold) {
  Readiness readiness(with({Rule::kClosed}));
  ASSERT_TRUE(producer_->try_lock(0, 1, LockKind::kExclusive));
  expect_ready(look_at_open(readiness, Writers::kNone, 0));
}

// ---- Together

TEST_F(ReadinessTest, IsReadyOnceEveryRuleAgrees) {
  // Each rule alone may hold the file back; bits say which do.
  const std::vector<Rule> all{Rule::kDoneFile, Rule::kStable, Rule::kLocked, Rule::kClosed};
  for (unsigned chosen = 0; chosen < 16; ++chosen) {
    for (unsigned against = 0; against < 16; ++against) {
      std::vector<Rule> rules{Rule::kRename};
      for (unsigned bit = 0; bit < 4; ++bit) {
        if ((chosen >> bit & 1U) != 0) rules.push_back(all[bit]);
      }
      const auto objects = [&](unsigned bit) { return (against >> bit & 1U) != 0; };
      Readiness readiness(with(rules));
      if (!objects(1)) look(readiness, -2'000);
      ASSERT_TRUE(!objects(2) || producer_->try_lock(0, 0, LockKind::kExclusive));
      Verdict verdict = readiness.look(status_, !objects(0), kStart);
      if (verdict.kind == Kind::kReady) {
        verdict = look_at_open(readiness, objects(3) ? Writers::kSome : Writers::kNone, 0);
      }
      producer_->unlock(0, 0);
      const unsigned objecting = chosen & against;
      EXPECT_EQ(verdict.kind, objecting == 0 ? Kind::kReady : Kind::kWait)
          << "chosen " << chosen << ", against " << against;
      if (objecting != 0) {
        unsigned first = 0;
        while ((objecting >> first & 1U) == 0) ++first;
        EXPECT_EQ(verdict.rule, all[first]) << "chosen " << chosen << ", against " << against;
      }
    }
  }
}

TEST_F(ReadinessTest, StillWantsItStableAfterAClose) {
  Readiness readiness(with({Rule::kClosed, Rule::kStable}));
  readiness.closed(status_, kStart);
  expect_wait(look(readiness, 100), Rule::kStable, "unchanged for 100ms of 2s", 2'000);
  expect_ready(look(readiness, 2'000));
  expect_ready(look_at_open(readiness, Writers::kUnknown, 2'000));
}

// ---- Rounds

TEST_F(ReadinessTest, ForgetsWhatARoundDidNotMeet) {
  Readiness readiness(with({Rule::kStable}));
  const auto at = [&](std::uint64_t inode, std::int64_t ms) {
    return readiness.look(some_status(inode), false, kStart + ms);
  };
  for (const std::uint64_t inode : {1U, 2U, 3U, 4U}) at(inode, 0);
  readiness.begin_round();
  at(1, 1'000);
  readiness.closed(some_status(2), kStart + 1'000);
  readiness.modified(some_status(3));
  EXPECT_EQ(readiness.remembered(), 4U);
  readiness.end_round();
  EXPECT_EQ(readiness.remembered(), 3U);
  expect_ready(at(1, 2'000));
  expect_ready(at(2, 2'000));
  expect_ready(at(3, 2'000));
  EXPECT_EQ(at(4, 2'000).again_boot_ms, kStart + 4'000) << "as if it were new";
}

TEST_F(ReadinessTest, RemembersFromRoundToRound) {
  Readiness readiness(with({Rule::kStable}));
  readiness.begin_round();
  look(readiness, 0);
  readiness.end_round();
  readiness.look(some_status(99), false, kStart + 500);  // between two rounds
  readiness.begin_round();
  expect_ready(look(readiness, 30'000));
  readiness.end_round();
  EXPECT_EQ(readiness.remembered(), 1U);
  readiness.begin_round();
  readiness.end_round();
  EXPECT_EQ(readiness.remembered(), 0U);
}

TEST_F(ReadinessTest, ForgetsWhatItIsToldTo) {
  Readiness readiness(with({Rule::kStable}));
  look(readiness, 0);
  readiness.forget(status_);
  readiness.forget(status_);
  EXPECT_EQ(readiness.remembered(), 0U);
  EXPECT_EQ(look(readiness, 2'000).kind, Kind::kWait);
}

TEST_F(ReadinessTest, RemembersManyFilesInLittleMemory) {
  constexpr std::size_t kFiles = 200'000;
  constexpr std::size_t kMostBytesEach = 120;
  const auto in_use = [] {
    const struct mallinfo2 now = ::mallinfo2();
    return now.uordblks + now.hblkhd;
  };
  const std::size_t before = in_use();
  Readiness readiness({});
  readiness.begin_round();
  for (std::size_t inode = 0; inode < kFiles; ++inode) {
    readiness.look(some_status(inode), false, kStart);
  }
  readiness.end_round();
  EXPECT_EQ(readiness.remembered(), kFiles);
  EXPECT_LE(in_use() - before, kFiles * kMostBytesEach);
}

}  // namespace
}  // namespace spoolmq::watcher

#include "adapters/source_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace spoolmq::adapters {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kNowMs = 1'700'000'000'000;

FileStatus changed_before(milliseconds modified, milliseconds changed) {
  FileStatus status;
  status.mtime_ns = (kNowMs - modified.count()) * 1'000'000;
  status.ctime_ns = (kNowMs - changed.count()) * 1'000'000;
  return status;
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = testing::TempDir() + "/source-file-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(SourceFile, KnowsNamesThatProgramsUseWhileTheyWrite) {
  for (const char* name : {".a", "..", "~a", "a.tmp", "a.csv.part", "a.filepart", "a.writing"}) {
    EXPECT_TRUE(looks_unfinished(name)) << name;
  }
  for (const char* name : {"a", "a.tmp.csv", "part", "a~", "tmp", "a.parts", "a.TXT"}) {
    EXPECT_FALSE(looks_unfinished(name)) << name;
  }
}

TEST(SourceFile, IsSelectedByAnyIncludeAndNoExclude) {
  const std::string xml[] = {"*.xml", "*.XML"};
  const std::string old[] = {"old*"};
  EXPECT_TRUE(is_selected("a.csv", {}, {}));
  EXPECT_TRUE(is_selected("a.XML", xml, {}));
  EXPECT_FALSE(is_selected("a.csv", xml, {}));
  EXPECT_FALSE(is_selected("old.xml", xml, old));
  EXPECT_FALSE(is_selected("old.csv", {}, old));
}

TEST(SourceFile, IsSettledOnceBothTimesAreOldEnough) {
  const milliseconds quiet{2'000};
  const auto settled = [&](int modified, int changed, Writers writers = Writers::kNone) {
    return is_settled(changed_before(milliseconds{modified}, milliseconds{changed}), writers,
                      kNowMs, quiet);
  };
  EXPECT_TRUE(settled(2'000, 2'000));
  EXPECT_FALSE(settled(1'999, 5'000));
  EXPECT_FALSE(settled(5'000, 1'999));
  EXPECT_FALSE(settled(5'000, 5'000, Writers::kSome));
  EXPECT_FALSE(settled(59'999, 70'000, Writers::kUnknown));
  EXPECT_TRUE(settled(60'000, 60'000, Writers::kUnknown));
  EXPECT_TRUE(settled(-86'400'000, 5'000)) << "a program set the time of modification ahead";
}

TEST(SourceFile, IsReadWholeOrNotAtAll) {
  const TemporaryDirectory temporary;
  const auto dir = open_posix_dir(temporary.path());
  dir->create("f", 0600, IfExists::kFail)->write_at(as_bytes("hello"), 0);
  const auto file = dir->open("f", Access::kRead);
  EXPECT_EQ(read_exactly(*file, 5), "hello");
  EXPECT_EQ(read_exactly(*file, 4), std::nullopt);
  EXPECT_EQ(read_exactly(*file, 6), std::nullopt);
}

TEST(ReadLease, SeesAWriter) {
  const TemporaryDirectory temporary;
  const auto dir = open_posix_dir(temporary.path());
  auto writer = dir->create("f", 0600, IfExists::kFail);
  const auto reader = dir->open("f", Access::kRead);
  EXPECT_NE(ReadLease(*reader).writers(), Writers::kNone);
  writer.reset();
  EXPECT_NE(ReadLease(*reader).writers(), Writers::kSome);
}

TEST(ReadLease, HoldsAWriterOffAndSurvivesTheSignal) {
  const TemporaryDirectory temporary;
  const auto dir = open_posix_dir(temporary.path());
  dir->create("f", 0600, IfExists::kFail);
  const auto reader = dir->open("f", Access::kRead);
  const std::string path = temporary.path() + "/f";
  {
    const ReadLease lease(*reader);
    if (lease.writers() == Writers::kUnknown) GTEST_SKIP() << "no leases on this file system";
    EXPECT_TRUE(lease.is_undisturbed());
    EXPECT_LT(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC), 0);
    EXPECT_EQ(errno, EWOULDBLOCK);
    EXPECT_FALSE(lease.is_undisturbed());
  }
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  EXPECT_GE(descriptor, 0);
  ::close(descriptor);
}

}  // namespace
}  // namespace spoolmq::adapters

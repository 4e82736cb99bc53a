#include "adapters/source_scan.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/memory_file_system.h"

namespace spoolmq::adapters {
namespace {

using Paths = std::multiset<std::string>;

class SourceScanTest : public testing::Test {
 protected:
  SourceScanTest() {
    disk_.root()->make_dir("in", 0700);
    in_ = disk_.root()->open_dir("in");
    tree_.emplace(*in_);
  }
  void put(Dir& dir, const std::string& name) { dir.create(name, 0600, IfExists::kFail); }
  std::unique_ptr<Dir> make(Dir& dir, const std::string& name) {
    dir.make_dir(name, 0700);
    return dir.open_dir(name);
  }
  Paths scan(std::size_t depth, std::size_t step = 1000, const std::string& but = "") {
    Paths found;
    SourceScan scan(*tree_, depth, [&](const std::string& path) { return path != but; });
    while (scan.step(step, [&](const std::string& path, const FileStatus&) { found.insert(path); }))
      ;
    return found;
  }

  spoolmq::test::MemoryFileSystem disk_;
  std::unique_ptr<Dir> in_;
  std::optional<SourceTree> tree_;
};

TEST_F(SourceScanTest, FindsFilesToItsDepth) {
  put(*in_, "top");
  const auto one = make(*in_, "1");
  put(*one, "first");
  const auto two = make(*one, "2");
  put(*two, "second");
  EXPECT_EQ(scan(0), Paths{"top"});
  EXPECT_EQ(scan(1), (Paths{"top", "1/first"}));
  EXPECT_EQ(scan(64), (Paths{"top", "1/first", "1/2/second"}));
  EXPECT_EQ(scan(64, 1000, "1/2"), (Paths{"top", "1/first"}));
}

TEST_F(SourceScanTest, FindsTheSameInSlices) {
  Paths all;
  for (const char* name : {"x", "y", "z"}) {
    const auto below = make(*in_, name);
    for (int i = 0; i < 10; ++i) {
      put(*below, std::to_string(i));
      all.insert(std::string(name) + "/" + std::to_string(i));
    }
  }
  for (const std::size_t step : {1U, 2U, 7U, 11U, 1000U}) EXPECT_EQ(scan(1, step), all) << step;
}

TEST_F(SourceScanTest, ADirectoryThatGoesWhileItLooksTakesItsFilesAlong) {
  const auto gone = make(*in_, "gone");
  for (int i = 0; i < 5; ++i) put(*gone, std::to_string(i));
  put(*in_, "stays");
  Paths found;
  SourceScan scan(*tree_, 1, [](const std::string&) { return true; });
  const auto visit = [&](const std::string& path, const FileStatus&) { found.insert(path); };
  ASSERT_TRUE(scan.step(2, visit));
  for (int i = 0; i < 5; ++i) gone->unlink(std::to_string(i));
  in_->remove_dir("gone");
  tree_->refresh();
  while (scan.step(1, visit))
    ;
  EXPECT_TRUE(found.contains("stays"));
}

TEST_F(SourceScanTest, ManyDirectoriesAreNotOpenAtOnce) {
  constexpr std::size_t kDirectories = 300;
  for (std::size_t i = 0; i < kDirectories; ++i) put(*make(*in_, std::to_string(i)), "f");
  EXPECT_EQ(scan(1).size(), kDirectories);
}

}  // namespace
}  // namespace spoolmq::adapters

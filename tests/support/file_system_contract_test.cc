// What every Dir and File promises, run on the real file system and on its in-memory twin.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core/file_system.h"
#include "spoolmq/error.h"
#include "tests/support/memory_file_system.h"

namespace spoolmq {
namespace {

// A fresh, empty directory.
class Ground {
 public:
  virtual ~Ground() = default;
  virtual std::unique_ptr<Dir> dir() = 0;
};

class DiskGround : public Ground {
 public:
  DiskGround() {
    std::string pattern = (std::filesystem::temp_directory_path() / "spoolmq-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw Error::from_errno(errno, "mkdtemp", pattern);
    path_ = pattern;
  }
  DiskGround(const DiskGround&) = delete;
  DiskGround& operator=(const DiskGround&) = delete;
  ~DiskGround() override {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::unique_ptr<Dir> dir() override { return open_posix_dir(path_); }

 private:
  std::string path_;
};

class TwinGround : public Ground {
 public:
  std::unique_ptr<Dir> dir() override { return twin_.root(); }

 private:
  test::MemoryFileSystem twin_;
};

struct Kind {
  std::string name;
  std::function<std::unique_ptr<Ground>()> make;
};

class FileSystem : public testing::TestWithParam<Kind> {
 protected:
  std::unique_ptr<Ground> ground_ = GetParam().make();
  std::unique_ptr<Dir> dir_ = ground_->dir();

  std::unique_ptr<File> file(std::string_view name, std::string_view content = "") {
    auto made = dir_->create(name, 0640, IfExists::kFail);
    made->write_at(as_bytes(content), 0);
    return made;
  }
};

std::string text_of(File& file) {
  std::string text(file.status().size, '?');
  text.resize(file.read_at(std::as_writable_bytes(std::span(text)), 0));
  return text;
}

std::string text_of(Dir& dir, std::string_view name) {
  return read_file(dir, name, 1 << 20).value_or("(none)");
}

std::vector<std::string> names_in(Dir& dir) {
  std::vector<std::string> names;
  dir.list([&](std::string_view name) {
    names.emplace_back(name);
    return true;
  });
  std::sort(names.begin(), names.end());
  return names;
}

int errno_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.error_number();
  }
  return 0;
}

using Strings = std::vector<std::string>;

TEST_P(FileSystem, ReadsWhatWasWritten) {
  const auto made = file("a", "hello world");
  made->write_at(as_bytes("W"), 6);
  EXPECT_EQ(text_of(*made), "hello World");
  std::array<std::byte, 4> few{};
  EXPECT_EQ(made->read_at(few, 9), 2U);
  EXPECT_EQ(made->read_at(few, 11), 0U);
  EXPECT_EQ(made->read_at(few, 5000), 0U);
}

TEST_P(FileSystem, FillsAGapWithZeros) {
  const auto made = file("a", "x");
  made->write_at(as_bytes("y"), 3);
  EXPECT_EQ(text_of(*made), std::string("x\0\0y", 4));
}

TEST_P(FileSystem, TruncatesBothWays) {
  const auto made = file("a", "abcdef");
  made->truncate(2);
  EXPECT_EQ(text_of(*made), "ab");
  made->truncate(4);
  EXPECT_EQ(text_of(*made), std::string("ab\0\0", 4));
}

TEST_P(FileSystem, OpensOnlyWhatExists) {
  EXPECT_EQ(dir_->open("a", Access::kRead), nullptr);
  EXPECT_EQ(dir_->open_dir("a"), nullptr);
  EXPECT_EQ(dir_->status("a"), std::nullopt);
  file("a", "1");
  EXPECT_EQ(text_of(*dir_->open("a", Access::kRead)), "1");
  EXPECT_EQ(errno_of([&] { dir_->open_dir("a"); }), ENOTDIR);
}

TEST_P(FileSystem, RefusesToWriteThroughAReadOnlyFile) {
  file("a", "1");
  const auto opened = dir_->open("a", Access::kRead);
  EXPECT_EQ(errno_of([&] { opened->write_at(as_bytes("2"), 0); }), EBADF);
  EXPECT_TRUE(opened->try_lock(0, 1, LockKind::kShared));
  EXPECT_EQ(errno_of([&] { (void)opened->try_lock(0, 1, LockKind::kExclusive); }), EBADF);
  EXPECT_EQ(text_of(*dir_, "a"), "1");
}

TEST_P(FileSystem, CreatesOnceOrOpens) {
  file("a", "1");
  EXPECT_EQ(errno_of([&] { dir_->create("a", 0600, IfExists::kFail); }), EEXIST);
  const auto opened = dir_->create("a", 0600, IfExists::kOpen);
  EXPECT_EQ(text_of(*opened), "1");
  EXPECT_EQ(opened->status().mode, 0640U);
  EXPECT_EQ(dir_->create("b", 0600, IfExists::kOpen)->status().mode, 0600U);
}

TEST_P(FileSystem, GivesExactModesWhateverTheUmask) {
  const mode_t before = ::umask(077);
  EXPECT_EQ(dir_->create("a", 0664, IfExists::kFail)->status().mode, 0664U);
  EXPECT_TRUE(dir_->make_dir("d", 02775));
  const auto unnamed = dir_->create_unnamed(0666);
  if (unnamed) {
    EXPECT_EQ(unnamed->status().mode, 0666U);
  }
  ::umask(before);
  EXPECT_EQ(dir_->status("d")->mode, 02775U);
  dir_->open_dir("d")->set_mode(0700);
  EXPECT_EQ(dir_->open_dir("d")->status().mode, 0700U);
  dir_->open("a", Access::kRead)->set_mode(0604);
  EXPECT_EQ(dir_->status("a")->mode, 0604U);
}

TEST_P(FileSystem, TellsTheStatus) {
  const auto made = file("a", "12345");
  made->sync();
  const FileStatus status = made->status();
  EXPECT_EQ(status.kind, FileKind::kRegular);
  EXPECT_EQ(status.size, 5U);
  EXPECT_EQ(status.links, 1U);
  EXPECT_GT(status.mtime_ns, 0);
  EXPECT_EQ(dir_->status("a")->inode, status.inode);
  EXPECT_EQ(dir_->status("a")->device, dir_->status().device);
  EXPECT_EQ(dir_->status().kind, FileKind::kDirectory);
  EXPECT_NE(dir_->status().inode, status.inode);
}

TEST_P(FileSystem, SetsTheTimeOfModification) {
  const auto made = file("a", "12345");
  for (const std::int64_t mtime_ns : {1'000'000'000'123'456'789L, -1'500'000'000L, 0L}) {
    made->set_mtime(mtime_ns);
    EXPECT_EQ(made->status().mtime_ns, mtime_ns);
    EXPECT_EQ(dir_->status("a")->mtime_ns, mtime_ns);
  }
  made->write_at(as_bytes("x"), 0);
  EXPECT_GT(made->status().mtime_ns, 0);
}

TEST_P(FileSystem, AllocatesBlocksAndFreesThem) {
  const auto made = file("a", "begin");
  if (!made->allocate(0, 64 * 1024)) GTEST_SKIP() << "no fallocate here";
  EXPECT_EQ(made->status().size, 64U * 1024);
  EXPECT_GE(made->status().blocks, 128U);
  const std::string full(64 * 1024, 'x');
  made->write_at(as_bytes(full), 0);
  made->sync();
  if (!made->punch(4096, 56 * 1024)) GTEST_SKIP() << "no holes here";
  EXPECT_LE(made->status().blocks, 16U);
  EXPECT_EQ(made->status().size, 64U * 1024);
  const std::string text = text_of(*made);
  EXPECT_EQ(text.find('\0'), 4096U);
  EXPECT_EQ(text.rfind('\0'), 4096U + 56 * 1024 - 1);
  EXPECT_TRUE(made->allocate(0, 0));
}

TEST_P(FileSystem, NamesAnUnnamedFileOnce) {
  const auto unnamed = dir_->create_unnamed(0600);
  if (!unnamed) GTEST_SKIP() << "no O_TMPFILE here";
  unnamed->write_at(as_bytes("late"), 0);
  EXPECT_EQ(unnamed->status().links, 0U);
  EXPECT_EQ(names_in(*dir_), Strings{});
  file("taken", "1");
  EXPECT_FALSE(dir_->link_unnamed(*unnamed, "taken"));
  EXPECT_TRUE(dir_->link_unnamed(*unnamed, "a"));
  EXPECT_EQ(text_of(*dir_, "a"), "late");
  EXPECT_EQ(text_of(*dir_, "taken"), "1");
  EXPECT_EQ(unnamed->status().links, 1U);
}

TEST_P(FileSystem, LinksAcrossDirectories) {
  file("a", "1");
  ASSERT_TRUE(dir_->make_dir("d", 0700));
  const auto to = dir_->open_dir("d");
  EXPECT_TRUE(to->link_from(*dir_, "a", "b"));
  EXPECT_FALSE(to->link_from(*dir_, "a", "b"));
  EXPECT_EQ(to->status("b")->inode, dir_->status("a")->inode);
  EXPECT_EQ(to->status("b")->links, 2U);
  EXPECT_TRUE(dir_->unlink("a"));
  EXPECT_EQ(to->status("b")->links, 1U);
  EXPECT_EQ(errno_of([&] { (void)to->link_from(*dir_, "a", "c"); }), ENOENT);
}

TEST_P(FileSystem, RenamesWithoutOverwriting) {
  file("a", "1");
  file("b", "2");
  ASSERT_TRUE(dir_->make_dir("d", 0700));
  const auto to = dir_->open_dir("d");
  EXPECT_FALSE(dir_->rename_new("a", *dir_, "b"));
  EXPECT_EQ(text_of(*dir_, "b"), "2");
  EXPECT_TRUE(dir_->rename_new("a", *to, "c"));
  EXPECT_EQ(text_of(*to, "c"), "1");
  EXPECT_EQ(names_in(*dir_), (Strings{"b", "d"}));
  EXPECT_EQ(errno_of([&] { (void)dir_->rename_new("a", *to, "x"); }), ENOENT);
}

TEST_P(FileSystem, RenamesOverWhatIsThere) {
  const auto first = file("a", "1");
  const auto second = file("b", "2");
  dir_->rename_over("a", *dir_, "b");
  EXPECT_EQ(names_in(*dir_), Strings{"b"});
  EXPECT_EQ(text_of(*dir_, "b"), "1");
  EXPECT_EQ(text_of(*second), "2");
  EXPECT_EQ(second->status().links, 0U);
  EXPECT_EQ(errno_of([&] { dir_->rename_over("a", *dir_, "b"); }), ENOENT);
  ASSERT_TRUE(dir_->make_dir("d", 0700));
  EXPECT_EQ(errno_of([&] { dir_->rename_over("b", *dir_, "d"); }), EISDIR);
  EXPECT_EQ(errno_of([&] { dir_->rename_over("d", *dir_, "b"); }), ENOTDIR);
}

TEST_P(FileSystem, RemovesNamesAndSaysWhetherThereWereAny) {
  const auto open = file("a", "1");
  ASSERT_TRUE(dir_->make_dir("d", 0700));
  EXPECT_FALSE(dir_->make_dir("d", 0700));
  EXPECT_TRUE(dir_->unlink("a"));
  EXPECT_FALSE(dir_->unlink("a"));
  EXPECT_EQ(text_of(*open), "1");
  const auto sub = dir_->open_dir("d");
  sub->create("x", 0600, IfExists::kFail);
  EXPECT_EQ(errno_of([&] { dir_->remove_dir("d"); }), ENOTEMPTY);
  EXPECT_EQ(errno_of([&] { dir_->unlink("d"); }), EISDIR);
  EXPECT_EQ(errno_of([&] { sub->remove_dir("x"); }), ENOTDIR);
  sub->unlink("x");
  EXPECT_TRUE(dir_->remove_dir("d"));
  EXPECT_FALSE(dir_->remove_dir("d"));
  EXPECT_EQ(errno_of([&] { sub->create("x", 0600, IfExists::kFail); }), ENOENT);
}

TEST_P(FileSystem, ListsEveryNameUntilToldToStop) {
  file("a");
  file("b");
  ASSERT_TRUE(dir_->make_dir("d", 0700));
  EXPECT_EQ(names_in(*dir_), (Strings{"a", "b", "d"}));
  EXPECT_EQ(names_in(*dir_), (Strings{"a", "b", "d"}));
  int seen = 0;
  dir_->list([&](std::string_view) { return ++seen < 2; });
  EXPECT_EQ(seen, 2);
}

TEST_P(FileSystem, OpensItselfAgain) {
  file("a");
  const auto again = dir_->open_dir(".");
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->path(), dir_->path());
  EXPECT_EQ(names_in(*again), Strings{"a"});
}

TEST_P(FileSystem, ExtendsThePathByTheName) {
  ASSERT_TRUE(dir_->make_dir("d", 0700));
  EXPECT_EQ(dir_->path().front(), '/');
  EXPECT_EQ(dir_->open_dir("d")->path(), dir_->path() + "/d");
}

TEST_P(FileSystem, RefusesNamesThatLeadElsewhere) {
  ASSERT_TRUE(dir_->make_dir("d", 0700));
  using namespace std::string_view_literals;
  for (const std::string_view name : {""sv, "."sv, ".."sv, "d/x"sv, "/x"sv, "a\0b"sv}) {
    EXPECT_THROW(dir_->create(name, 0600, IfExists::kOpen), Error) << name;
    EXPECT_THROW(dir_->open(name, Access::kRead), Error) << name;
    EXPECT_THROW(dir_->unlink(name), Error) << name;
    EXPECT_THROW(dir_->make_dir(name, 0700), Error) << name;
  }
  EXPECT_THROW(dir_->open_dir(".."), Error);
  EXPECT_EQ(names_in(*dir_), Strings{"d"});
}

TEST_P(FileSystem, NamesOperationAndPathInErrors) {
  try {
    dir_->rename_over("a", *dir_, "b");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_EQ(error.operation(), "rename");
    EXPECT_EQ(error.subject(), dir_->path() + "/a");
  }
}

TEST_P(FileSystem, KeepsExclusiveLocksApart) {
  const auto one = file("a");
  const auto two = dir_->open("a", Access::kReadWrite);
  EXPECT_TRUE(one->try_lock(0, 1, LockKind::kExclusive));
  EXPECT_FALSE(two->try_lock(0, 1, LockKind::kExclusive));
  EXPECT_FALSE(two->try_lock(0, 1, LockKind::kShared));
  EXPECT_TRUE(two->try_lock(1, 1, LockKind::kExclusive));
  EXPECT_FALSE(one->is_locked_by_another(0, 1));
  EXPECT_TRUE(one->is_locked_by_another(0, 2));
  EXPECT_TRUE(two->is_locked_by_another(0, 1));
  one->unlock(0, 1);
  EXPECT_TRUE(two->try_lock(0, 1, LockKind::kExclusive));
}

TEST_P(FileSystem, SharesSharedLocks) {
  const auto one = file("a");
  const auto two = dir_->open("a", Access::kReadWrite);
  EXPECT_TRUE(one->try_lock(5, 1, LockKind::kShared));
  EXPECT_TRUE(two->try_lock(5, 1, LockKind::kShared));
  EXPECT_FALSE(two->try_lock(5, 1, LockKind::kExclusive));
  EXPECT_TRUE(two->is_locked_by_another(5, 1));
  one->unlock(5, 1);
  EXPECT_TRUE(two->try_lock(5, 1, LockKind::kExclusive));
  EXPECT_TRUE(two->try_lock(5, 1, LockKind::kShared));
  EXPECT_TRUE(one->try_lock(5, 1, LockKind::kShared));
}

TEST_P(FileSystem, UnlocksPartOfARange) {
  const auto one = file("a");
  const auto two = dir_->open("a", Access::kReadWrite);
  EXPECT_TRUE(one->try_lock(0, 10, LockKind::kExclusive));
  one->unlock(4, 2);
  EXPECT_TRUE(two->try_lock(4, 2, LockKind::kExclusive));
  EXPECT_FALSE(two->try_lock(3, 1, LockKind::kExclusive));
  EXPECT_FALSE(two->try_lock(6, 1, LockKind::kExclusive));
}

TEST_P(FileSystem, DropsLocksOfTheFileThatClosesOnly) {
  auto one = file("a");
  auto two = dir_->open("a", Access::kReadWrite);
  const auto three = dir_->open("a", Access::kReadWrite);
  EXPECT_TRUE(one->try_lock(0, 1, LockKind::kExclusive));
  two.reset();
  EXPECT_TRUE(three->is_locked_by_another(0, 1));
  one.reset();
  EXPECT_FALSE(three->is_locked_by_another(0, 1));
  EXPECT_TRUE(three->try_lock(0, 1, LockKind::kExclusive));
}

TEST_P(FileSystem, SyncsFilesAndDirectories) {
  const auto made = file("a", "1");
  EXPECT_NO_THROW(made->sync_data());
  EXPECT_NO_THROW(made->sync());
  EXPECT_NO_THROW(dir_->sync());
}

TEST_P(FileSystem, MeasuresSpace) {
  EXPECT_GT(dir_->space().bytes, 0U);
  EXPECT_GT(dir_->space().inodes, 0U);
}

TEST_P(FileSystem, ClonesOrSaysThatItCannot) {
  const auto source = file("a", std::string(8192, 'x'));
  const auto target = file("b", "old");
  if (target->clone_from(*source)) {
    EXPECT_EQ(text_of(*target), std::string(8192, 'x'));
  } else {
    EXPECT_EQ(text_of(*target), "old");
  }
}

TEST_P(FileSystem, ReadsWholeFilesUpToALimit) {
  EXPECT_EQ(read_file(*dir_, "a", 10), std::nullopt);
  file("a", "0123456789");
  file("empty");
  EXPECT_EQ(read_file(*dir_, "a", 10), "0123456789");
  EXPECT_EQ(read_file(*dir_, "empty", 0), "");
  try {
    read_file(*dir_, "a", 9);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadData);
  }
}

TEST_P(FileSystem, ReplacesAFileAndLeavesNothingElse) {
  replace_file(*dir_, "a", "first", 0600);
  replace_file(*dir_, "a", "second", 0644);
  EXPECT_EQ(text_of(*dir_, "a"), "second");
  EXPECT_EQ(dir_->status("a")->mode, 0644U);
  EXPECT_EQ(names_in(*dir_), Strings{"a"});
  ASSERT_TRUE(dir_->make_dir("d", 0700));
  EXPECT_EQ(errno_of([&] { replace_file(*dir_, "d", "x", 0644); }), EISDIR);
  EXPECT_EQ(names_in(*dir_), (Strings{"a", "d"}));
}

INSTANTIATE_TEST_SUITE_P(
    Every, FileSystem,
    testing::Values(Kind{"Disk", [] { return std::make_unique<DiskGround>(); }},
                    Kind{"Twin", [] { return std::make_unique<TwinGround>(); }}),
    [](const testing::TestParamInfo<Kind>& tested) { return tested.param.name; });

// Symbolic links and FIFOs exist on the real file system alone.
TEST(PosixDir, NeverFollowsASymbolicLink) {
  DiskGround ground;
  const auto dir = ground.dir();
  dir->create("target", 0600, IfExists::kFail);
  ASSERT_TRUE(dir->make_dir("d", 0700));
  std::filesystem::create_symlink("target", dir->path() + "/link");
  std::filesystem::create_symlink("d", dir->path() + "/dirlink");
  std::filesystem::create_symlink("nowhere", dir->path() + "/broken");
  EXPECT_EQ(errno_of([&] { dir->open("link", Access::kRead); }), ELOOP);
  EXPECT_EQ(errno_of([&] { dir->create("link", 0600, IfExists::kOpen); }), ELOOP);
  EXPECT_EQ(errno_of([&] { dir->create("broken", 0600, IfExists::kOpen); }), ELOOP);
  EXPECT_EQ(errno_of([&] { dir->open_dir("dirlink"); }), ENOTDIR);
  EXPECT_EQ(dir->status("link")->kind, FileKind::kOther);
  EXPECT_EQ(dir->status("nowhere"), std::nullopt);
}

TEST(PosixDir, ResolvesThePathItWasOpenedWith) {
  DiskGround ground;
  const auto dir = ground.dir();
  ASSERT_TRUE(dir->make_dir("d", 0700));
  std::filesystem::create_symlink("d", dir->path() + "/link");
  EXPECT_EQ(open_posix_dir(dir->path() + "/link")->path(), dir->path() + "/d");
  EXPECT_EQ(errno_of([&] { open_posix_dir(dir->path() + "/none"); }), ENOENT);
}

TEST(PosixDir, IsNotHeldUpByAFifo) {
  DiskGround ground;
  const auto dir = ground.dir();
  ASSERT_EQ(::mkfifo((dir->path() + "/fifo").c_str(), 0600), 0);
  EXPECT_EQ(dir->open("fifo", Access::kRead)->status().kind, FileKind::kOther);
  EXPECT_THROW(read_file(*dir, "fifo", 10), Error);
}

}  // namespace
}  // namespace spoolmq

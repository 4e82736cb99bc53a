#include "tests/support/memory_file_system.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "spoolmq/error.h"

namespace spoolmq::test {
namespace {

using Strings = std::vector<std::string>;

std::string text_of(Dir& dir, std::string_view name) {
  return read_file(dir, name, 1 << 24).value_or("(none)");
}

std::unique_ptr<File> file(Dir& dir, std::string_view name, std::string_view content) {
  auto made = dir.create(name, 0600, IfExists::kFail);
  made->write_at(as_bytes(content), 0);
  return made;
}

// A file whose bytes and name are durable.
std::unique_ptr<File> durable_file(Dir& dir, std::string_view name, std::string_view content) {
  auto made = file(dir, name, content);
  made->sync();
  dir.sync();
  return made;
}

std::string text_after(MemoryFileSystem& disk, Bytes bytes, std::uint64_t seed = 1) {
  return text_of(*disk.after_power_cut(Names::kKept, bytes, seed)->root(), "a");
}

TEST(FailAt, RefusesTheNthOperationOnceAndDoesNothing) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  const auto made = file(*root, "a", "1");
  disk.fail_at(2, ENOSPC);
  made->write_at(as_bytes("2"), 0);
  try {
    made->write_at(as_bytes("3"), 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.error_number(), ENOSPC);
    EXPECT_EQ(error.operation(), "write");
    EXPECT_EQ(error.subject(), root->path() + "/a");
  }
  EXPECT_EQ(text_of(*root, "a"), "2");
  made->write_at(as_bytes("4"), 0);
  EXPECT_EQ(text_of(*root, "a"), "4");
}

TEST(FailAt, RefusesForeverUntilToldToStop) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  disk.fail_at(1, EIO, Repeat::kForever);
  EXPECT_THROW(root->make_dir("d", 0700), Error);
  EXPECT_THROW(root->create("a", 0600, IfExists::kFail), Error);
  EXPECT_THROW(root->sync(), Error);
  disk.stop_failing();
  EXPECT_TRUE(root->make_dir("d", 0700));
  EXPECT_EQ(disk.names(), Strings{"d"});
}

TEST(FailAt, LosesTheBytesOfAFailedSyncThoughALaterOneSucceeds) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  const auto made = durable_file(*root, "a", "old");
  made->write_at(as_bytes("NEW"), 0);
  disk.fail_at(1, EIO);
  EXPECT_THROW(made->sync_data(), Error);
  made->sync_data();
  EXPECT_EQ(text_of(*root, "a"), "NEW");
  made->write_at(as_bytes("!"), 3);
  made->sync();
  EXPECT_EQ(text_after(disk, Bytes::kLost), "old!");
  std::set<std::string> torn;
  for (std::uint64_t seed = 0; seed < 20; ++seed) torn.insert(text_after(disk, Bytes::kTorn, seed));
  EXPECT_EQ(torn, (std::set<std::string>{"old!", "NEW!"}));
}

TEST(FailAt, LosesTheNamesOfAFailedDirectorySync) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  file(*root, "a", "1");
  disk.fail_at(1, EIO);
  EXPECT_THROW(root->sync(), Error);
  root->sync();
  EXPECT_EQ(disk.after_power_cut(Names::kLost, Bytes::kLost)->names(), Strings{});
}

TEST(CutAt, StopsEverythingFromTheNthOperationOn) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  const auto made = durable_file(*root, "a", "1");
  const std::uint64_t before = disk.operations();
  disk.cut_at(2);
  made->write_at(as_bytes("2"), 0);
  EXPECT_FALSE(disk.is_cut());
  disk.throw_if_cut();
  EXPECT_THROW(made->sync(), PowerCut);
  EXPECT_TRUE(disk.is_cut());
  EXPECT_THROW(disk.throw_if_cut(), PowerCut);
  EXPECT_THROW(made->write_at(as_bytes("3"), 0), PowerCut);
  EXPECT_THROW(root->status("a"), PowerCut);
  EXPECT_THROW(root->open("a", Access::kRead), PowerCut);
  EXPECT_EQ(disk.operations(), before + 2);
  EXPECT_EQ(text_after(disk, Bytes::kKept), "2");
}

TEST(CutAt, IsSilentInDestructorsThatRunWhileItUnwinds) {
  struct Undo {
    Dir& dir;
    std::unique_ptr<File> file;
    ~Undo() {
      dir.unlink("a");
      file->unlock(0, 1);
    }
  };
  MemoryFileSystem disk;
  const auto root = disk.root();
  disk.cut_at(4);
  const auto work = [&] {
    const Undo undo{*root, durable_file(*root, "a", "1")};
    root->create("b", 0600, IfExists::kFail);
    throw std::logic_error("the cut came before");
  };
  EXPECT_THROW(work(), PowerCut);
  EXPECT_EQ(disk.after_power_cut(Names::kKept, Bytes::kKept)->names(), Strings{"a"});
}

TEST(CutAt, LeavesWhatIsStillOpenHarmless) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  const auto made = durable_file(*root, "a", "1");
  disk.cut_at(1);
  EXPECT_THROW(made->truncate(0), PowerCut);
  const auto later = disk.after_power_cut(Names::kLost, Bytes::kLost);
  EXPECT_NO_THROW(made->truncate(0));
  EXPECT_NO_THROW(root->unlink("a"));
  EXPECT_NO_THROW(root->sync());
  EXPECT_EQ(text_of(*later->root(), "a"), "1");
}

TEST(AfterKill, KeepsEverythingButLocksAndUnsyncedStaysUnsynced) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  const auto made = durable_file(*root, "a", "old");
  EXPECT_TRUE(made->try_lock(0, 1, LockKind::kExclusive));
  made->write_at(as_bytes("new"), 0);
  file(*root, "b", "1");
  root->create_unnamed(0600)->write_at(as_bytes("1"), 0);
  const auto later = disk.after_kill();
  const auto survived = later->root();
  EXPECT_NE(survived->path(), root->path());
  EXPECT_EQ(later->names(), (Strings{"a", "b"}));
  EXPECT_EQ(text_of(*survived, "a"), "new");
  EXPECT_FALSE(survived->open("a", Access::kRead)->is_locked_by_another(0, 1));
  const auto cut = later->after_power_cut(Names::kLost, Bytes::kLost);
  EXPECT_EQ(cut->names(), Strings{"a"});
  EXPECT_EQ(text_of(*cut->root(), "a"), "old");
}

TEST(AfterKill, LetsASyncMakeDurableWhatWasLeftUnsynced) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  file(*root, "a", "1");
  const auto later = disk.after_kill();
  const auto survived = later->root();
  survived->open("a", Access::kRead)->sync();
  survived->sync();
  const auto cut = later->after_power_cut(Names::kLost, Bytes::kLost);
  EXPECT_EQ(text_of(*cut->root(), "a"), "1");
}

TEST(Trace, NamesEveryMutatingOperationInOrder) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  root->make_dir("d", 0700);
  const auto sub = root->open_dir("d");
  const auto unnamed = sub->create_unnamed(0600);
  unnamed->write_at(as_bytes("1234"), 8);
  unnamed->allocate(0, 100);
  unnamed->sync_data();
  EXPECT_TRUE(sub->link_unnamed(*unnamed, "a"));
  unnamed->punch(0, 4);
  unnamed->truncate(6);
  sub->sync();
  EXPECT_TRUE(sub->rename_new("a", *root, "b"));
  EXPECT_TRUE(sub->link_from(*root, "b", "c"));
  EXPECT_FALSE(sub->unlink("none"));
  sub->unlink("c");
  root->remove_dir("d");
  root->sync();
  EXPECT_EQ(disk.trace(),
            (Strings{"mkdir d", "create d/(unnamed)", "write d/(unnamed) 8+4",
                     "allocate d/(unnamed) 0+100", "sync d/(unnamed)", "link d/a", "punch d/a 0+4",
                     "truncate d/a 6", "sync-dir d", "rename d/a -> b", "link b -> d/c",
                     "unlink d/c", "rmdir d", "sync-dir ."}));
  EXPECT_EQ(disk.operations(), disk.trace().size());
  disk.clear_trace();
  EXPECT_EQ(disk.trace(), Strings{});
}

TEST(Filter, SkipsWhatItIsToldToAndReportsSuccess) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  disk.set_filter([](const Operation& operation) {
    return operation.kind == OperationKind::kSyncDir ? Verdict::kSkip : Verdict::kDo;
  });
  durable_file(*root, "a", "1");
  EXPECT_EQ(disk.trace().back(), "skipped sync-dir .");
  EXPECT_EQ(disk.after_power_cut(Names::kLost, Bytes::kLost)->names(), Strings{});
}

TEST(ReplaceFile, LeavesTheOldOrTheNewWhereverThePowerFails) {
  int cuts = 0;
  for (std::uint64_t n = 1;; ++n) {
    MemoryFileSystem disk;
    const auto root = disk.root();
    durable_file(*root, "a", "old");
    disk.cut_at(n);
    bool done = false;
    try {
      replace_file(*root, "a", "new", 0600);
      done = true;
    } catch (const PowerCut&) {
      ++cuts;
    }
    for (const Names names : {Names::kLost, Names::kKept}) {
      for (const Bytes bytes : {Bytes::kLost, Bytes::kKept, Bytes::kTorn}) {
        const auto later = disk.after_power_cut(names, bytes, n);
        const std::string text = text_of(*later->root(), "a");
        EXPECT_TRUE(text == "new" || (text == "old" && !done)) << n << text;
      }
    }
    if (done) break;
  }
  EXPECT_EQ(cuts, 5);  // create, write, sync, rename, sync-dir
}

TEST(ReplaceFile, RemovesItsTemporaryWhenItFails) {
  for (std::uint64_t n = 2; n <= 4; ++n) {
    MemoryFileSystem disk;
    const auto root = disk.root();
    durable_file(*root, "a", "old");
    disk.fail_at(n, EIO);
    EXPECT_THROW(replace_file(*root, "a", "new", 0600), Error);
    EXPECT_EQ(disk.names(), Strings{"a"});
    EXPECT_EQ(text_of(*root, "a"), "old");
  }
}

TEST(Support, LeavesOutWhatATestWantsMissing) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  disk.set_support({.unnamed = false, .allocate = false, .punch = false, .links = false});
  disk.set_space({.bytes = 5, .inodes = 6});
  const auto made = file(*root, "a", "1");
  EXPECT_EQ(root->create_unnamed(0600), nullptr);
  EXPECT_FALSE(made->allocate(0, 10));
  EXPECT_FALSE(made->punch(0, 1));
  EXPECT_FALSE(root->link_from(*root, "a", "b"));
  EXPECT_EQ(root->space().bytes, 5U);
  EXPECT_EQ(root->space().inodes, 6U);
}

TEST(TwoFileSystems, LinkAndRenameOnlyWithin) {
  MemoryFileSystem one;
  MemoryFileSystem two;
  const auto from = one.root();
  const auto to = two.root();
  file(*from, "a", "1");
  EXPECT_NE(from->status().device, to->status().device);
  EXPECT_FALSE(to->link_from(*from, "a", "b"));
  EXPECT_THROW((void)from->rename_new("a", *to, "b"), Error);
  EXPECT_EQ(one.names(), Strings{"a"});
}

TEST(MemoryFileSystem, TakesWritesOfSeveralThreads) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  const auto made = file(*root, "a", "");
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < 200; ++i) {
          made->write_at(as_bytes("x"), i * 4 + t);
          if (i % 50 == 0) made->sync_data();
        }
      });
    }
  }
  made->sync();
  EXPECT_EQ(text_after(disk, Bytes::kLost), std::string(800, 'x'));
}

TEST(MemoryFileSystem, IsOutlivedByItsFiles) {
  auto disk = std::make_unique<MemoryFileSystem>();
  const auto root = disk->root();
  const auto made = file(*root, "a", "1");
  disk.reset();
  made->write_at(as_bytes("2"), 0);
  EXPECT_EQ(text_of(*root, "a"), "2");
}

}  // namespace
}  // namespace spoolmq::test

// What MemoryFileSystem::after_power_cut shows of synced and unsynced bytes and names.

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/support/memory_file_system.h"

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

TEST(PowerCut, LosesUnsyncedBytes) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  const auto made = durable_file(*root, "a", "synced");
  made->write_at(as_bytes("SYNC+more"), 0);
  EXPECT_EQ(text_after(disk, Bytes::kLost), "synced");
  EXPECT_EQ(text_after(disk, Bytes::kKept), "SYNC+more");
}

TEST(PowerCut, LosesUnsyncedTruncationsAndHoles) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  const auto made = durable_file(*root, "a", "0123456789");
  made->punch(2, 3);
  made->truncate(7);
  EXPECT_EQ(text_after(disk, Bytes::kLost), "0123456789");
  EXPECT_EQ(text_after(disk, Bytes::kKept), std::string("01") + std::string(3, '\0') + "56");
}

TEST(PowerCut, KeepsWhatASyncCovered) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  const auto made = durable_file(*root, "a", "0123456789");
  made->truncate(4);
  made->truncate(6);
  made->write_at(as_bytes("xy"), 7);
  made->sync_data();
  EXPECT_EQ(text_after(disk, Bytes::kLost), std::string("0123\0\0\0xy", 9));
}

TEST(PowerCut, TruncatesWhollyOrNotAtAll) {
  const std::string old(2048, 'o');
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    MemoryFileSystem disk;
    const auto root = disk.root();
    const auto made = durable_file(*root, "a", old);
    made->truncate(0);
    seen.insert(text_after(disk, Bytes::kTorn, seed));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"", old}));
}

TEST(PowerCut, ShowsNothingBehindATruncationThatDidNotHappen) {
  const std::string old(1024, 'o');
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    MemoryFileSystem disk;
    const auto root = disk.root();
    const auto made = durable_file(*root, "a", old);
    made->truncate(512);
    made->write_at(as_bytes(std::string(512, 'n')), 512);
    seen.insert(text_after(disk, Bytes::kTorn, seed));
  }
  const std::string head(512, 'o');
  EXPECT_EQ(seen, (std::set<std::string>{old, head, head + std::string(512, '\0'),
                                         head + std::string(512, 'n')}));
}

TEST(PowerCut, TearsAtSectorsBetweenOldAndNew) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  const auto made = durable_file(*root, "a", std::string(2048, 'o'));
  made->write_at(as_bytes(std::string(3072, 'n')), 0);
  std::set<std::string> seen;
  std::set<std::size_t> sizes;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::string text = text_after(disk, Bytes::kTorn, seed);
    sizes.insert(text.size());
    std::string sectors;
    for (std::size_t at = 0; at < text.size(); at += 512) {
      const char kind = text[at];
      EXPECT_EQ(text.substr(at, 512), std::string(512, kind)) << "a sector is whole";
      EXPECT_TRUE(kind == 'n' || (at < 2048 ? kind == 'o' : kind == '\0'));
      sectors += kind;
    }
    seen.insert(sectors);
  }
  EXPECT_EQ(sizes, (std::set<std::size_t>{2048, 3072}));
  EXPECT_GT(seen.size(), 20U);
  EXPECT_EQ(text_after(disk, Bytes::kTorn, 7), text_after(disk, Bytes::kTorn, 7));
}

TEST(PowerCut, TearsNoSectorAgainstTheOrderOfItsWrites) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  const auto made = durable_file(*root, "a", "....");
  made->write_at(as_bytes("1"), 1);
  made->write_at(as_bytes("2"), 2);
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    seen.insert(text_after(disk, Bytes::kTorn, seed));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"....", ".1..", ".12."}));
}

TEST(PowerCut, LosesUnsyncedNamesAndTheirRemoval) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  durable_file(*root, "old", "1");
  durable_file(*root, "gone", "2");
  file(*root, "new", "3")->sync();
  root->unlink("gone");
  EXPECT_EQ(disk.after_power_cut(Names::kLost, Bytes::kKept)->names(), (Strings{"gone", "old"}));
  EXPECT_EQ(disk.after_power_cut(Names::kKept, Bytes::kLost)->names(), (Strings{"new", "old"}));
}

TEST(PowerCut, UndoesAnUnsyncedRename) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  durable_file(*root, "a", "old");
  file(*root, "tmp", "new")->sync();
  root->rename_over("tmp", *root, "a");
  EXPECT_EQ(text_of(*disk.after_power_cut(Names::kLost, Bytes::kLost)->root(), "a"), "old");
  EXPECT_EQ(text_of(*disk.after_power_cut(Names::kKept, Bytes::kLost)->root(), "a"), "new");
  EXPECT_EQ(disk.names(), Strings{"a"});
}

TEST(PowerCut, LosesWhatIsInADirectoryWhoseNameWasNotSynced) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  root->make_dir("d", 0700);
  const auto sub = root->open_dir("d");
  durable_file(*sub, "a", "1");
  EXPECT_EQ(disk.after_power_cut(Names::kLost, Bytes::kKept)->names(), Strings{});
  EXPECT_EQ(disk.after_power_cut(Names::kKept, Bytes::kLost)->names("d"), Strings{"a"});
}

TEST(PowerCut, KeepsADurableName) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  root->make_dir("d", 0700);
  root->sync();
  durable_file(*root->open_dir("d"), "a", "1");
  const auto later = disk.after_power_cut(Names::kLost, Bytes::kLost);
  EXPECT_EQ(text_of(*later->root()->open_dir("d"), "a"), "1");
  EXPECT_EQ(later->root()->open_dir("d")->status("a")->links, 1U);
}

TEST(PowerCut, TakesUnnamedFilesAlong) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  const auto unnamed = root->create_unnamed(0600);
  unnamed->write_at(as_bytes("1"), 0);
  unnamed->sync();
  EXPECT_EQ(disk.after_power_cut(Names::kKept, Bytes::kKept)->names(), Strings{});
}

TEST(PowerCut, KeepsHardLinksOneFile) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  durable_file(*root, "a", "1");
  ASSERT_TRUE(root->link_from(*root, "a", "b"));
  root->sync();
  const auto later = disk.after_power_cut(Names::kLost, Bytes::kLost)->root();
  EXPECT_EQ(later->status("a")->inode, later->status("b")->inode);
  EXPECT_EQ(later->status("a")->links, 2U);
  EXPECT_EQ(later->status("a")->device, root->status().device);
}

}  // namespace
}  // namespace spoolmq::test

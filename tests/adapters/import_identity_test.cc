#include "adapters/import_identity.h"

#include <gtest/gtest.h>

#include "adapters/export_identity.h"
#include "core/names.h"
#include "spoolmq/error.h"
#include "tests/support/memory_file_system.h"

namespace spoolmq::adapters {
namespace {

using spoolmq::test::Bytes;
using spoolmq::test::MemoryFileSystem;
using spoolmq::test::Names;
using spoolmq::test::PowerCut;

constexpr DirectoryIdentity kDirectory{7, 1};
constexpr FileIdentity kFile{7, 2, 100, 1'000, 2'000};
constexpr std::uint64_t kContent = 0xfedcba9876543210;

MessageId id(std::uint8_t last) {
  return MessageId({1, 2, 3, 4, 5, 6, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, last});
}

ImportClaim claim_of(const FileIdentity& file, std::uint8_t last,
                     std::optional<std::uint64_t> content = kContent) {
  ImportClaim claim;
  claim.file = file;
  claim.name = "f";
  claim.content = content;
  claim.id = id(last);
  return claim;
}

ImportClaim claimed(ImportIdentity& identity, ImportClaim claim) {
  identity.take(kDirectory, {{}, {}, ImportState::kDone, {&claim, 1}}, 5);
  return claim;
}

FileIdentity touched() {
  FileIdentity file = kFile;
  ++file.ctime_ns;
  return file;
}

struct Opened {
  explicit Opened(MemoryFileSystem& disk) : database(*disk.root(), 0640), identity(database) {}
  IdentityDatabase database;
  ImportIdentity identity;
};

TEST(ImportIdentity, RefusesARowThatSaysWhatCannotBe) {
  MemoryFileSystem disk;
  Opened world(disk);
  claimed(world.identity, claim_of(kFile, 1));
  {
    IdentityDatabase::Transaction transaction(world.database);
    world.database.prepare("UPDATE imports SET state = 77").run();
    transaction.commit();
  }
  try {
    static_cast<void>(world.identity.find(id(1)));
    FAIL() << "it was believed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_EQ(error.subject(), id(1).text());
  }
}

TEST(ImportIdentity, GivesTheSameFileTheSameIdAgain) {
  MemoryFileSystem disk;
  Opened world(disk);
  EXPECT_EQ(world.identity.find(kFile, std::nullopt), std::nullopt);
  const ImportClaim first = claimed(world.identity, claim_of(kFile, 1));
  EXPECT_EQ(first.id, id(1));
  EXPECT_TRUE(first.is_new);
  const ImportClaim again = claimed(world.identity, claim_of(kFile, 2));
  EXPECT_EQ(again.id, id(1));
  EXPECT_FALSE(again.is_new);
  EXPECT_EQ(again.state, ImportState::kIntent);
}

TEST(ImportIdentity, TellsVersionsAndPlacesApart) {
  MemoryFileSystem disk;
  Opened world(disk);
  claimed(world.identity, claim_of(kFile, 1));
  FileIdentity others[] = {kFile, kFile, kFile, kFile};
  ++others[0].device;
  ++others[0].ctime_ns;
  ++others[1].inode;
  ++others[2].size;
  ++others[3].mtime_ns;
  std::uint8_t last = 2;
  for (const FileIdentity& other : others) {
    EXPECT_EQ(claimed(world.identity, claim_of(other, last)).id, id(last));
    ++last;
  }
}

TEST(ImportIdentity, LetsTheContentDecideWhereOnlyTheTimeOfChangeMoved) {
  for (const ImportState state : {ImportState::kIntent, ImportState::kKept}) {
    MemoryFileSystem disk;
    Opened world(disk);
    claimed(world.identity, claim_of(kFile, 1));
    const MessageId ids[] = {id(1)};
    world.identity.mark(ids, state);
    EXPECT_FALSE(world.identity.find(touched(), std::nullopt));
    EXPECT_FALSE(world.identity.find(touched(), kContent + 1));
    ASSERT_TRUE(world.identity.find(touched(), kContent));
    EXPECT_EQ(claimed(world.identity, claim_of(touched(), 2)).id, id(1));
    EXPECT_TRUE(world.identity.find(touched(), std::nullopt)) << "the claim remembers the new time";
  }
}

TEST(ImportIdentity, TakesNoOtherFileForOneThatIsDone) {
  MemoryFileSystem disk;
  Opened world(disk);
  claimed(world.identity, claim_of(kFile, 1));
  const MessageId ids[] = {id(1)};
  world.identity.mark(ids, ImportState::kDone);
  EXPECT_TRUE(world.identity.find(kFile, std::nullopt));
  EXPECT_FALSE(world.identity.find(touched(), kContent));
}

TEST(ImportIdentity, KnowsALargeFileAfterItWasLinked) {
  MemoryFileSystem disk;
  Opened world(disk);
  claimed(world.identity, claim_of(kFile, 1, std::nullopt));
  EXPECT_TRUE(world.identity.find(touched(), std::nullopt));
  const ImportIdentity::Sent sent[] = {{id(1), touched().ctime_ns}};
  world.identity.take(kDirectory, {{}, sent, ImportState::kDone, {}}, 5);
  EXPECT_TRUE(world.identity.find(touched(), std::nullopt));
}

// The next file of that name, of the same size, mtime and inode, is another one.
TEST(ImportIdentity, TakesNoOtherLargeFileForOneThatIsDone) {
  MemoryFileSystem disk;
  Opened world(disk);
  claimed(world.identity, claim_of(kFile, 1, std::nullopt));
  const MessageId ids[] = {id(1)};
  world.identity.mark(ids, ImportState::kDone);
  EXPECT_TRUE(world.identity.find(kFile, std::nullopt));
  EXPECT_FALSE(world.identity.find(touched(), std::nullopt));
}

TEST(ImportIdentity, RemembersHowManyRecordsWereSent) {
  MemoryFileSystem disk;
  {
    Opened world(disk);
    EXPECT_EQ(claimed(world.identity, claim_of(kFile, 1, std::nullopt)).records, 0U);
    world.identity.note_records(id(1), 7);
  }
  const auto later = disk.after_power_cut(spoolmq::test::Names::kLost, spoolmq::test::Bytes::kTorn);
  Opened world(*later);
  EXPECT_EQ(claimed(world.identity, claim_of(kFile, 2, std::nullopt)).records, 7U);
}

TEST(ImportIdentity, ForgetsOnlyOldRowsOfAbsentFilesOfThatDirectory) {
  MemoryFileSystem disk;
  Opened world(disk);
  const auto add = [&](const DirectoryIdentity& directory, std::uint8_t last, std::int64_t at_ms) {
    FileIdentity file = kFile;
    file.inode = last;
    ImportClaim claim = claim_of(file, last);
    world.identity.take(directory, {{}, {}, ImportState::kDone, {&claim, 1}}, at_ms);
  };
  add(kDirectory, 10, 100);
  add(kDirectory, 11, 100);
  add(kDirectory, 12, 200);
  add({7, 99}, 13, 100);
  world.identity.forget_absent(kDirectory, 200, {11});
  EXPECT_FALSE(world.identity.find(id(10)));
  EXPECT_TRUE(world.identity.find(id(11)));
  EXPECT_TRUE(world.identity.find(id(12)));
  EXPECT_TRUE(world.identity.find(id(13)));
}

TEST(ImportIdentity, IsMadeWithTheGivenPermissionBits) {
  MemoryFileSystem disk;
  { const Opened world(disk); }
  ASSERT_TRUE(disk.root()->status(names::kImports));
  EXPECT_EQ(disk.root()->status(names::kImports)->mode, 0640U);
}

// Cuts at every operation: what was committed is there, what was not is not half there.
TEST(IdentityDatabase, SurvivesAPowerCutAnywhere) {
  for (const Names names : {Names::kLost, Names::kKept}) {
    bool was_cut = true;
    for (std::uint64_t n = 1; was_cut; ++n) {
      MemoryFileSystem disk;
      disk.root()->sync();
      disk.cut_at(n);
      int steps = 0;
      try {
        Opened world(disk);
        ImportClaim claims[] = {claim_of(kFile, 1), claim_of(touched(), 2, kContent + 1)};
        world.identity.take(kDirectory, {{}, {}, ImportState::kDone, claims}, 5);
        ++steps;
        const MessageId ids[] = {id(1), id(2)};
        world.identity.mark(ids, ImportState::kDone);
        ++steps;
        world.identity.forget(ids);
        ++steps;
        disk.throw_if_cut();
      } catch (const PowerCut&) {
      } catch (const Error&) {
        ASSERT_TRUE(disk.is_cut());
      }
      was_cut = disk.is_cut();
      const auto later = disk.after_power_cut(names, Bytes::kTorn, n);
      Opened world(*later);
      const auto first = world.identity.find(id(1));
      const auto second = world.identity.find(id(2));
      ASSERT_EQ(first.has_value(), second.has_value()) << n;
      if (first) {
        ASSERT_EQ(first->state, second->state) << n;
      }
      // A commit that was under way may have made it.
      const int found = first ? (first->state == ImportState::kDone ? 2 : 1) : 0;
      ASSERT_TRUE(steps == 0   ? found <= 1
                  : steps == 1 ? found == 1 || found == 2
                  : steps == 2 ? found == 2 || found == 0
                               : found == 0)
          << "cut at " << n << " after " << steps << " steps: " << found;
    }
  }
}

// A power cut between a message and the removal of its file; then the disk has another number.
TEST(ImportIdentity, KnowsAFileWhoseDeviceIsNumberedOtherwise) {
  MemoryFileSystem disk;
  Opened world(disk);
  for (const std::optional<std::uint64_t> content : {std::optional{kContent}, {}}) {
    FileIdentity file = kFile;
    file.inode += content ? 0U : 1U;
    const ImportClaim first = claimed(world.identity, claim_of(file, content ? 1 : 2, content));
    FileIdentity renumbered = file;
    ++renumbered.device;
    const auto known = world.identity.find(renumbered, std::nullopt);
    ASSERT_TRUE(known);
    EXPECT_EQ(known->id, first.id);
    const ImportClaim again = claimed(world.identity, claim_of(renumbered, 9, content));
    EXPECT_FALSE(again.is_new);
    EXPECT_EQ(again.id, first.id);
    EXPECT_EQ(world.identity.find(first.id)->file, renumbered);
  }
}

TEST(ImportIdentity, TakesNoFileOfAnotherDeviceForOneThatDiffers) {
  MemoryFileSystem disk;
  Opened world(disk);
  claimed(world.identity, claim_of(kFile, 1));
  FileIdentity other = kFile;
  ++other.device;
  EXPECT_FALSE(world.identity.find(other, kContent + 1));
  ++other.ctime_ns;
  EXPECT_FALSE(world.identity.find(other, kContent));
}

TEST(ImportIdentity, PrefersTheFileOfTheDeviceItself) {
  MemoryFileSystem disk;
  Opened world(disk);
  FileIdentity there = kFile;
  ++there.device;
  const ImportClaim mine = claimed(world.identity, claim_of(kFile, 2));
  const ImportClaim other = claimed(world.identity, claim_of(there, 1, kContent + 1));
  ASSERT_TRUE(other.is_new);
  EXPECT_EQ(world.identity.find(kFile, std::nullopt)->id, mine.id);
  EXPECT_EQ(world.identity.find(there, std::nullopt)->id, other.id);
}

TEST(ExportIdentity, SeesTheRowsOfItsDirectoryOnly) {
  MemoryFileSystem disk;
  IdentityDatabase database(*disk.root(), 0600);
  ExportIdentity here(database, kDirectory);
  ExportIdentity there(database, {7, 99});
  const ExportRow rows[] = {{id(1), 11, 2, "one"}, {id(2), 12, 0, "two"}};
  here.update(rows, {});
  ASSERT_TRUE(here.find(id(1)));
  EXPECT_EQ(here.find(id(1))->nonce, 11U);
  EXPECT_EQ(here.find(id(1))->redrives, 2);
  EXPECT_EQ(here.find(id(1))->name, "one");
  EXPECT_FALSE(there.find(id(1)));
  EXPECT_TRUE(there.ids().empty());
  const MessageId first[] = {id(1)};
  const ExportRow again[] = {{id(2), 13, 0, "two.1"}};
  here.update(again, first);
  EXPECT_EQ(here.ids(), std::vector<MessageId>{id(2)});
  EXPECT_EQ(here.find(id(2))->nonce, 13U);
}

TEST(ExportIdentity, NamesTemporariesByMessageAndAttempt) {
  const std::string name = export_temporary(id(1), 0xab);
  EXPECT_EQ(name, ".spoolmq-01020304-0506-7000-8000-000000000001-00000000000000ab.tmp");
  EXPECT_EQ(parse_export_temporary(name), id(1));
  for (std::size_t length = 0; length < name.size(); ++length) {
    EXPECT_EQ(parse_export_temporary(name.substr(0, length)), std::nullopt);
  }
  EXPECT_EQ(parse_export_temporary(name + "x"), std::nullopt);
  EXPECT_EQ(parse_export_temporary("x" + name.substr(1)), std::nullopt);
}

}  // namespace
}  // namespace spoolmq::adapters

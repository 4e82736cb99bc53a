// Append mode: what stands in the growing file, when it is put aside, and who may write to it.

#include <gtest/gtest.h>

#include <optional>

#include "adapters/export_append_identity.h"
#include "adapters/export_identity.h"
#include "spoolmq/error.h"
#include "tests/adapters/directory_world.h"

namespace spoolmq::adapters::test {
namespace {

using Files = std::map<std::string, std::string>;
using Bodies = std::multiset<std::string>;

void send(DirectoryWorld& world, std::initializer_list<const char*> bodies) {
  std::vector<Message> messages(bodies.size());
  std::size_t at = 0;
  for (const char* body : bodies) messages[at++].body = body;
  world.queue().send_batch(std::move(messages));
}

ExportSettings append_to(const std::string& name) {
  ExportSettings settings;
  settings.append = true;
  settings.name = NameTemplate::parse(name);
  return settings;
}

TEST(ExportAppend, PutsASeparatorBehindEachBodyThatLacksIt) {
  DirectoryWorld world;
  send(world, {"one", "two\n", ""});
  EXPECT_EQ(world.export_to_out(append_to("log")).exported, 3U);
  send(world, {"three"});
  world.export_to_out(append_to("log"));
  EXPECT_EQ(world.files("out"), (Files{{"log", "one\ntwo\n\nthree\n"}}));
  EXPECT_TRUE(world.drain().empty());
}

TEST(ExportAppend, TakesASeparatorOfItsOwn) {
  DirectoryWorld world;
  send(world, {"one--", "two-", "-"});
  ExportSettings settings = append_to("log");
  settings.separator = "--";
  world.export_to_out(settings);
  EXPECT_EQ(world.files("out").at("log"), "one--two------");
  settings.separator = "";
  send(world, {"a", "b"});
  world.export_to_out(settings);
  EXPECT_EQ(world.files("out").at("log"), "one--two------ab");
}

TEST(ExportAppend, StreamsALargeBody) {
  Settings queue;
  queue.body_inline = 1024;
  DirectoryWorld world(queue);
  send(world, {"before"});
  std::string large;
  while (large.size() < 2'500'000) large += std::to_string(large.size());
  std::size_t at = 0;
  world.queue().send_stream({}, [&](std::span<char> into) {
    const std::size_t got = large.copy(into.data(), into.size(), at);
    at += got;
    return got;
  });
  send(world, {"behind"});
  EXPECT_EQ(world.export_to_out(append_to("log")).exported, 3U);
  EXPECT_TRUE(read_file(*world.dir("out"), "log", 1 << 23) == "before\n" + large + "\nbehind\n");
}

TEST(ExportAppend, PutsTheFileAsideBeforeItGrowsTooLarge) {
  DirectoryWorld world;
  send(world, {"aaaa", "bbbb", "cccc", "a longer one than is allowed", "dddd"});
  ExportSettings settings = append_to("x.log");
  settings.rotate_size = 12;
  EXPECT_EQ(world.export_to_out(settings).exported, 5U);
  EXPECT_EQ(world.files("out"), (Files{{"x.1.log", "aaaa\nbbbb\n"},
                                       {"x.2.log", "cccc\n"},
                                       {"x.3.log", "a longer one than is allowed\n"},
                                       {"x.log", "dddd\n"}}));
  EXPECT_TRUE(world.drain().empty());
}

TEST(ExportAppend, NeverGivesANumberBelowOneThatIsThere) {
  DirectoryWorld world;
  world.put("out", "x.7.log", "kept");
  world.put("out", "x.08.log", "not a number of ours");
  world.put("out", "x.log", "full enough\n");
  send(world, {"new"});
  ExportSettings settings = append_to("x.log");
  settings.rotate_size = 12;
  world.export_to_out(settings);
  EXPECT_EQ(world.files("out"), (Files{{"x.08.log", "not a number of ours"},
                                       {"x.7.log", "kept"},
                                       {"x.8.log", "full enough\n"},
                                       {"x.log", "new\n"}}));
}

TEST(ExportAppend, PutsAnOldFileAsideEvenWithoutMessages) {
  DirectoryWorld world;
  ExportSettings settings = append_to("x.log");
  settings.rotate_every = std::chrono::hours{1};
  send(world, {"one"});
  world.export_to_out(settings);
  world.clock().ahead_ms += 3'000'000;  // 50 minutes
  send(world, {"two"});
  world.export_to_out(settings);
  EXPECT_EQ(world.files("out"), (Files{{"x.log", "one\ntwo\n"}}));
  world.clock().ahead_ms += 700'000;  // an hour and more after the first byte
  world.export_to_out(settings);
  EXPECT_EQ(world.files("out"), (Files{{"x.1.log", "one\ntwo\n"}}));
  send(world, {"three"});
  world.export_to_out(settings);
  EXPECT_EQ(world.files("out"), (Files{{"x.1.log", "one\ntwo\n"}, {"x.log", "three\n"}}));
}

TEST(ExportAppend, KeepsNoFileForLongerWhereTheClockIsSetBack) {
  DirectoryWorld world;
  ExportSettings settings = append_to("x.log");
  settings.rotate_every = std::chrono::hours{1};
  send(world, {"one"});
  world.export_to_out(settings);
  world.clock().step_wall(-std::chrono::hours{24});
  world.export_to_out(settings);
  EXPECT_EQ(world.files("out"), (Files{{"x.log", "one\n"}}));
  world.clock().ahead_ms += 3'700'000;
  world.export_to_out(settings);
  EXPECT_EQ(world.files("out"), (Files{{"x.1.log", "one\n"}}));
}

TEST(ExportAppend, WritesToTheFileOfTheMoment) {
  DirectoryWorld world;
  ExportSettings settings = append_to("log-{date:%s}");
  for (const char* body : {"one", "two"}) {
    send(world, {body});
    world.export_to_out(settings);
    world.clock().ahead_ms += 10'000;
  }
  std::vector<std::string> contents;
  for (const auto& [name, content] : world.files("out")) contents.push_back(content);
  EXPECT_EQ(contents, (std::vector<std::string>{"one\n", "two\n"}));
}

TEST(ExportAppend, LeavesTheMessagesWhileAnotherProgramHoldsTheLock) {
  DirectoryWorld world;
  world.put("out", "log", "");
  const auto reader = world.dir("out")->open("log", Access::kRead);
  ASSERT_TRUE(reader->try_lock(0, 1, LockKind::kShared));
  send(world, {"one"});
  try {
    world.export_to_out(append_to("log"));
    FAIL() << "no refusal";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kTryAgain) << error.what();
  }
  EXPECT_EQ(world.queue().next_ready(1).at(0).counters.failures, 0);
  reader->unlock(0, 1);
  EXPECT_EQ(world.export_to_out(append_to("log")).exported, 1U);
}

// ---- What a reader does between a cut and the next pass

struct Rows {
  explicit Rows(DirectoryWorld& world)
      : database(*world.dir("root")->open_dir("queues")->open_dir("q"), 0600),
        identity(database, identify(*world.dir("out"))) {}
  IdentityDatabase database;
  AppendIdentity identity;
};

// As a pass leaves it that was killed while it wrote the next message at `start`.
void leave_append_unfinished(DirectoryWorld& world, std::uint64_t start) {
  const AppendRow row{world.queue().next_ready(1).at(0).id, 0, "log",
                      world.dir("out")->status("log")->inode, start};
  Rows(world).identity.record({&row, 1}, {});
}

TEST(ExportAppendRest, IsOnlyAcknowledgedWhereItIsWhole) {
  DirectoryWorld world;
  world.put("out", "log", "one\ntwo\n");
  send(world, {"two"});
  leave_append_unfinished(world, 4);
  EXPECT_EQ(world.export_to_out(append_to("log")).exported, 1U);
  EXPECT_EQ(world.files("out"), (Files{{"log", "one\ntwo\n"}}));
  EXPECT_TRUE(Rows(world).identity.ids().empty());
}

TEST(ExportAppendRest, IsFoundInAFileThatWasRenamed) {
  DirectoryWorld world;
  world.put("out", "log", "one\ntwo\n");
  send(world, {"two"});
  leave_append_unfinished(world, 4);
  world.dir("out")->rename_over("log", *world.dir("out"), "log.old");
  EXPECT_EQ(world.export_to_out(append_to("log")).exported, 1U);
  EXPECT_EQ(world.files("out"), (Files{{"log.old", "one\ntwo\n"}, {"log", ""}}));
}

TEST(ExportAppendRest, IsCutOffWhereItIsTorn) {
  DirectoryWorld world;
  world.put("out", "log", std::string("one\ntw\0", 7));
  send(world, {"two"});
  leave_append_unfinished(world, 4);
  // A byte of ours and a zero in one sector are what neither a kill nor a power cut leaves.
  world.dir("out")->open("log", Access::kReadWrite)->truncate(6);
  world.export_to_out(append_to("log"));
  EXPECT_EQ(world.files("out"), (Files{{"log", "one\ntwo\n"}}));
}

TEST(ExportAppendRest, IsCutOffWhereItIsZeros) {
  DirectoryWorld world;
  world.put("out", "log", std::string("one\n\0\0\0\0", 8));
  send(world, {"two"});
  leave_append_unfinished(world, 4);
  world.export_to_out(append_to("log"));
  EXPECT_EQ(world.files("out"), (Files{{"log", "one\ntwo\n"}}));
}

TEST(ExportAppendRest, StaysWhereSomebodyElseWroteBehindIt) {
  for (const char* foreign : {"X", "foreign line\n"}) {
    DirectoryWorld world;
    const std::string there = std::string("one\ntw") + foreign;
    world.put("out", "log", there);
    send(world, {"two"});
    leave_append_unfinished(world, 4);
    world.export_to_out(append_to("log"));
    EXPECT_EQ(world.files("out"), (Files{{"log", there + "two\n"}}));
  }
}

TEST(ExportAppendRest, IsWrittenAgainWhereTheReaderEmptiedTheFile) {
  DirectoryWorld world;
  world.put("out", "log", "");
  send(world, {"two"});
  leave_append_unfinished(world, 4);
  world.export_to_out(append_to("log"));
  EXPECT_EQ(world.files("out"), (Files{{"log", "two\n"}}));
}

TEST(IdentityDatabase, TakesOneOfTheFirstVersion) {
  DirectoryWorld world;
  send(world, {"one"});
  world.export_to_out();  // makes imports.db
  const MessageId id({1, 2, 3, 4, 5, 6, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 9});
  const auto queue = world.dir("root")->open_dir("queues")->open_dir("q");
  {
    IdentityDatabase database(*queue, 0600);
    const ExportRow row{id, 1, 0, "kept"};
    ExportIdentity(database, {1, 2}).update({&row, 1}, {});
    for (const char* sql :
         {"DROP TABLE appends", "DROP TABLE append_files",
          "ALTER TABLE imports DROP COLUMN records", "PRAGMA user_version = 1"}) {
      database.prepare(sql).run();
    }
  }
  send(world, {"two"});
  EXPECT_EQ(world.export_to_out(append_to("log")).exported, 1U);
  IdentityDatabase database(*queue, 0600);
  EXPECT_EQ(ExportIdentity(database, {1, 2}).find(id)->name, "kept");
}

}  // namespace
}  // namespace spoolmq::adapters::test

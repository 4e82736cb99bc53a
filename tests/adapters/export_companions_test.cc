// What stands beside an exported file: its checksum, its done file; and when each of them appears.

#include <gtest/gtest.h>

#include <algorithm>

#include "adapters/export_checksum.h"
#include "core/units.h"
#include "spoolmq/error.h"
#include "tests/adapters/directory_world.h"

namespace spoolmq::adapters::test {
namespace {

using Files = std::map<std::string, std::string>;
using Bodies = std::multiset<std::string>;

// By sha256sum(1).
constexpr std::string_view kSumOfAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr std::string_view kSumOfNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string line(std::string_view sum, std::string_view name) {
  return std::string(sum) + "  " + std::string(name) + "\n";
}

void send(DirectoryWorld& world, const std::string& body, Headers headers) {
  Message message;
  message.headers = std::move(headers);
  message.body = body;
  world.queue().send(std::move(message));
}

ExportSettings with_companions(IfTaken if_taken = IfTaken::kFail) {
  ExportSettings settings;
  settings.if_taken = if_taken;
  settings.checksum = kSha256;
  settings.done_file = "{name}.done";
  return settings;
}

TEST(ExportChecksum, IsThatOfSha256sum) {
  Sha256 sum;
  sum.add(as_bytes("a"));
  sum.add(as_bytes("bc"));
  EXPECT_EQ(sum.hex(), kSumOfAbc);
  EXPECT_EQ(Sha256().hex(), kSumOfNothing);
  EXPECT_EQ(sha256sum_line("12", "a b"), "12  a b\n");
  EXPECT_EQ(sha256sum_line("12", "a\\b\n"), "\\12  a\\\\b\\n\n");
}

TEST(ExportCompanions, StandBesideTheFile) {
  DirectoryWorld world;
  send(world, "abc", {{"name", "a.txt"}});
  send(world, "", {{"name", "b"}});
  EXPECT_EQ(world.export_to_out(with_companions()).exported, 2U);
  EXPECT_EQ(world.files("out"), (Files{{"a.txt", "abc"},
                                       {"a.txt.sha256", line(kSumOfAbc, "a.txt")},
                                       {"a.txt.done", ""},
                                       {"b", ""},
                                       {"b.sha256", line(kSumOfNothing, "b")},
                                       {"b.done", ""}}));
}

TEST(ExportCompanions, AppearInOrderEachDurableBeforeTheNext) {
  DirectoryWorld world;
  send(world, "abc", {{"name", "a"}});
  world.queue();
  world.disk().clear_trace();
  world.export_to_out(with_companions());
  std::vector<std::string> steps;
  for (const std::string& operation : world.disk().trace()) {
    if (operation == "sync-dir out") steps.emplace_back("sync");
    for (const char* name : {" -> out/a.sha256", " -> out/a.done", " -> out/a"}) {
      if (operation.ends_with(name)) steps.emplace_back(name + 8);
    }
  }
  EXPECT_EQ(steps,
            (std::vector<std::string>{"sync", "a.sha256", "sync", "a", "sync", "a.done", "sync"}));
}

TEST(ExportCompanions, ATakenNameBesideTheFileCountsAsTaken) {
  for (const char* taken : {"a", "a.sha256", "a.done"}) {
    DirectoryWorld world;
    world.put("out", taken, "old");
    send(world, "abc", {{"name", "a"}});
    EXPECT_EQ(world.export_to_out(with_companions()).left, 1U) << taken;
    EXPECT_EQ(world.export_to_out(with_companions(IfTaken::kSuffix)).exported, 1U) << taken;
    EXPECT_EQ(world.files("out"), (Files{{taken, "old"},
                                         {"a.1", "abc"},
                                         {"a.1.sha256", line(kSumOfAbc, "a.1")},
                                         {"a.1.done", ""}}));
  }
}

TEST(ExportCompanions, OfTwoMessagesNeverMeet) {
  DirectoryWorld world;
  send(world, "abc", {{"name", "a"}});
  send(world, "other", {{"name", "a.done"}});
  const ExportReport report = world.export_to_out(with_companions());
  EXPECT_EQ(report.exported, 1U);
  EXPECT_EQ(report.left, 1U);
  EXPECT_EQ(world.files("out").at("a.done"), "");
}

TEST(ExportCompanions, MayNotHaveTheFilesOwnName) {
  DirectoryWorld world;
  send(world, "abc", {{"name", "a.ok"}});
  ExportSettings settings;
  settings.done_file = "{stem}.ok";
  EXPECT_EQ(world.export_to_out(settings).left, 1U);
  EXPECT_TRUE(world.files("out").empty());
}

TEST(ExportCompanions, AreReplacedWithTheFileTheDoneFileFirst) {
  DirectoryWorld world;
  send(world, "old", {{"name", "a"}});
  world.export_to_out(with_companions());
  send(world, "abc", {{"name", "a"}});
  world.disk().clear_trace();
  EXPECT_EQ(world.export_to_out(with_companions(IfTaken::kReplace)).exported, 1U);
  EXPECT_EQ(world.files("out"),
            (Files{{"a", "abc"}, {"a.sha256", line(kSumOfAbc, "a")}, {"a.done", ""}}));
  const auto trace = world.disk().trace();
  const auto gone = std::ranges::find(trace, "unlink out/a.done");
  ASSERT_NE(gone, trace.end());
  EXPECT_TRUE(std::any_of(gone, trace.end(), [](const std::string& operation) {
    return operation.ends_with(" -> out/a.sha256");
  }));
}

// ---- skip-if-equal

TEST(ExportSkipEqual, AcknowledgesWhatIsThere) {
  DirectoryWorld world;
  world.put("out", "a", "same");
  world.put("out", "b", "long and different");
  world.put("out", "b.1", "diff");
  send(world, "same", {{"name", "a"}});
  send(world, "same", {{"name", "b"}});
  send(world, "diff", {{"name", "b"}});
  const ExportReport report = world.export_to_out(with_companions(IfTaken::kSkipEqual));
  EXPECT_EQ(report.skipped, 2U);
  EXPECT_EQ(report.exported, 1U);
  const Files files = world.files("out");
  EXPECT_EQ(files.at("b.2"), "same");
  EXPECT_FALSE(files.contains("a.1"));
  EXPECT_TRUE(world.drain().empty());
}

TEST(ExportSkipEqual, ComparesWithWhatTheSameRoundMakes) {
  DirectoryWorld world;
  for (const char* body : {"one", "two", "one", "two"}) send(world, body, {{"name", "a"}});
  ExportSettings settings;
  settings.if_taken = IfTaken::kSkipEqual;
  const ExportReport report = world.export_to_out(settings);
  EXPECT_EQ(report.exported, 2U);
  EXPECT_EQ(report.skipped, 2U);
  EXPECT_EQ(world.files("out"), (Files{{"a", "one"}, {"a.1", "two"}}));
  EXPECT_TRUE(world.drain().empty());
}

TEST(ExportSkipEqual, SyncsTheFileItTakesForItsOwn) {
  DirectoryWorld world;
  const auto file = world.dir("out")->create("a", 0644, IfExists::kFail);
  file->write_at(as_bytes("same"), 0);
  send(world, "same", {{"name", "a"}});
  ExportSettings settings;
  settings.if_taken = IfTaken::kSkipEqual;
  EXPECT_EQ(world.export_to_out(settings).skipped, 1U);
  world.restart(Cut::kPowerNamesLost);
  EXPECT_EQ(world.files("out"), (Files{{"a", "same"}}));
}

// ---- Attributes

TEST(ExportAttributes, RestoresTheTimeOnRequest) {
  constexpr std::int64_t kMs = 1'700'000'000'123;
  for (const bool asked : {true, false}) {
    DirectoryWorld world;
    send(world, "x", {{"name", "a"}, {"mtime", format_time(kMs)}});
    send(world, "x", {{"name", "b"}, {"mtime", "yesterday"}});
    ExportSettings settings;
    settings.restore_mtime = asked;
    EXPECT_EQ(world.export_to_out(settings).exported, 2U);
    EXPECT_EQ(world.dir("out")->status("a")->mtime_ns == kMs * 1'000'000, asked);
  }
}

TEST(ExportAttributes, GivesTheGroupAndTheMode) {
  DirectoryWorld world;
  send(world, "x", {{"name", "a"}});
  ExportSettings settings = with_companions();
  settings.group = "4711";
  settings.mode = 0640;
  world.export_to_out(settings);
  for (const char* name : {"a", "a.sha256", "a.done"}) {
    EXPECT_EQ(world.dir("out")->status(name)->gid, 4711U) << name;
    EXPECT_EQ(world.dir("out")->status(name)->mode, 0640U) << name;
  }
  settings.group = "no such group";
  EXPECT_THROW(world.export_to_out(settings), Error);
}

}  // namespace
}  // namespace spoolmq::adapters::test

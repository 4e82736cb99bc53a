#include "adapters/import_session.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "spoolmq/error.h"
#include "tests/adapters/directory_world.h"

namespace spoolmq::adapters::test {
namespace {

using Bodies = std::multiset<std::string>;

std::size_t count_lines(const std::vector<std::string>& trace, std::string_view start) {
  return static_cast<std::size_t>(
      std::count_if(trace.begin(), trace.end(),
                    [&](const std::string& line) { return line.starts_with(start); }));
}

TEST(Import, TurnsFilesIntoMessagesAndRemovesThem) {
  DirectoryWorld world;
  world.put("in", "a.txt", "alpha");
  world.put("in", "b.txt", "");
  const ImportReport report = world.import();
  EXPECT_EQ(report.imported, 2U);
  EXPECT_EQ(report.left(), 0U);
  EXPECT_TRUE(world.files("in").empty());
  EXPECT_EQ(world.drain(), (Bodies{"alpha", ""}));
}

TEST(Import, TellsWhereAMessageComesFrom) {
  DirectoryWorld world;
  world.put("in", "a.txt", "alpha");
  world.put("in", "caf\xe9", "latin");
  world.import();
  std::set<std::string> names;
  while (auto delivery = world.queue().receive()) {
    const Message& message = delivery->message();
    for (const char* name : {"path", "mtime", "owner"}) {
      EXPECT_NE(message.header(name), nullptr) << name;
    }
    ASSERT_NE(message.header("name"), nullptr);
    names.insert(*message.header("name"));
    ASSERT_NE(message.header("mode"), nullptr);
    EXPECT_EQ(*message.header("mode"), "0644");
    delivery->ack();
  }
  EXPECT_EQ(names, (std::set<std::string>{"a.txt", "caf?"}));
}

TEST(Import, SaysWhichIdEachFileGot) {
  DirectoryWorld world;
  world.put("in", "a.txt", "alpha");
  std::optional<MessageId> told;
  ImportReactions reactions;
  reactions.on_imported = [&](const std::optional<MessageId>& first, const std::string& name,
                              std::uint64_t size) {
    told = first;
    EXPECT_EQ(name, "a.txt");
    EXPECT_EQ(size, 5U);
  };
  world.import(DirectoryWorld::at_first_look(), reactions);
  ASSERT_TRUE(told && world.queue().load(*told));
  EXPECT_EQ(world.queue().load(*told)->body, "alpha");
}

TEST(Import, LeavesUnfinishedAndUnselectedFiles) {
  DirectoryWorld world;
  for (const char* name : {"a.xml", "b.xml.part", ".c.xml", "d.csv", "e.xml"}) {
    world.put("in", name, name);
  }
  ImportSettings options = DirectoryWorld::at_first_look();
  options.include = {"*.xml", "*.part"};
  options.exclude = {"e*"};
  const ImportReport report = world.import(options);
  EXPECT_EQ(report.imported, 1U);
  EXPECT_EQ(report.left_unfinished, 2U);
  EXPECT_EQ(world.drain(), Bodies{"a.xml"});
  EXPECT_EQ(world.files("in").size(), 4U);
}

TEST(Import, WaitsUntilAFileHasBeenSeenUnchangedForLongEnough) {
  DirectoryWorld world;
  world.put("in", "a", "alpha");
  ImportSettings options;
  options.ready.stable_for = std::chrono::seconds(3600);
  const std::int64_t before = world.clock().boot_ms();
  EXPECT_EQ(world.import(options).imported, 1U);
  EXPECT_GE(world.clock().boot_ms() - before, 3'600'000);
  EXPECT_EQ(world.drain(), Bodies{"alpha"});
}

TEST(Import, IgnoresDirectories) {
  DirectoryWorld world;
  world.dir("in")->make_dir("a", 0700);
  const ImportReport report = world.import();
  EXPECT_EQ(report.imported + report.left(), 0U);
}

TEST(Import, KeepsFilesAndImportsEachOnce) {
  DirectoryWorld world;
  world.put("in", "a", "alpha");
  ImportSettings options = DirectoryWorld::at_first_look();
  options.after = AfterImport::kKeep;
  EXPECT_EQ(world.import(options).imported, 1U);
  world.restart(Cut::kPowerNamesLost);
  EXPECT_EQ(world.import(options).imported, 0U);
  world.dir("in")->open("a", Access::kReadWrite)->set_mode(0600);
  EXPECT_EQ(world.import(options).imported, 0U);
  world.put("in", "b", "alpha");
  EXPECT_EQ(world.import(options).imported, 1U);
  EXPECT_EQ(world.files("in").size(), 2U);
  EXPECT_EQ(world.drain(), (Bodies{"alpha", "alpha"}));
}

TEST(Import, TakesAKeptFileAwayWithoutImportingItAgain) {
  DirectoryWorld world;
  world.put("in", "a", "alpha");
  ImportSettings options = DirectoryWorld::at_first_look();
  options.after = AfterImport::kKeep;
  world.import(options);
  options.after = AfterImport::kMoveToDone;
  world.import(options);
  EXPECT_TRUE(world.files("in").empty());
  EXPECT_EQ(world.files("done").at("a"), "alpha");
  EXPECT_EQ(world.drain(), Bodies{"alpha"});
}

TEST(Import, ImportsANewVersionOfAKeptFile) {
  DirectoryWorld world;
  world.put("in", "a", "alpha");
  ImportSettings options = DirectoryWorld::at_first_look();
  options.after = AfterImport::kKeep;
  world.import(options);
  world.dir("in")->open("a", Access::kReadWrite)->write_at(as_bytes("ALPHA"), 0);
  EXPECT_EQ(world.import(options).imported, 1U);
  EXPECT_EQ(world.drain(), (Bodies{"alpha", "ALPHA"}));
}

TEST(Import, MovesFilesToDone) {
  DirectoryWorld world;
  world.put("done", "a.txt", "earlier");
  world.put("in", "a.txt", "alpha");
  ImportSettings options = DirectoryWorld::at_first_look();
  options.after = AfterImport::kMoveToDone;
  EXPECT_EQ(world.import(options).imported, 1U);
  EXPECT_TRUE(world.files("in").empty());
  EXPECT_EQ(world.files("done"),
            (std::map<std::string, std::string>{{"a.txt", "earlier"}, {"a.1.txt", "alpha"}}));
}

TEST(Import, SetsAsideWhatTheQueueRefuses) {
  Settings settings;
  settings.check = BodyCheck::kWellFormedXml;
  DirectoryWorld world(settings);
  world.put("in", "bad.xml", "<a>");
  world.put("in", "good.xml", "<a/>");
  world.put("in", "large.xml", "<b/>");
  std::vector<std::string> refused;
  ImportReactions reactions;
  reactions.on_refused = [&](const std::string& name, const Error& why) {
    refused.push_back(name);
    EXPECT_EQ(why.code(), ErrorCode::kBadData);
  };
  const ImportReport report = world.import(DirectoryWorld::at_first_look(), reactions);
  EXPECT_EQ(report.imported, 2U);
  EXPECT_EQ(report.refused, 1U);
  EXPECT_EQ(refused, std::vector<std::string>{"bad.xml"});
  EXPECT_TRUE(world.files("in").empty());
  EXPECT_EQ(world.files("errors").at("bad.xml"), "<a>");
  EXPECT_FALSE(world.files("errors").at("bad.xml.reason").empty());
  EXPECT_EQ(world.drain(), (Bodies{"<a/>", "<b/>"}));
}

TEST(Import, StopsAtAFullQueueAndGoesOnLater) {
  Settings settings;
  settings.capacity = 2;
  DirectoryWorld world(settings);
  Bodies all;
  for (const char* name : {"a", "b", "c"}) {
    world.put("in", name, name);
    all.insert(name);
  }
  const ImportReport report = world.import();
  EXPECT_EQ(report.imported, 2U);
  ASSERT_TRUE(report.stopped);
  EXPECT_EQ(report.stopped->code(), ErrorCode::kTryAgain);
  EXPECT_EQ(world.files("in").size(), 1U);
  Bodies got = world.drain();
  EXPECT_EQ(world.import().imported, 1U);
  got.merge(world.drain());
  EXPECT_EQ(got, all);
}

TEST(Import, SendsALargeFileByReference) {
  Settings settings;
  settings.body_inline = 1024;
  DirectoryWorld world(settings);
  const std::string large(100'000, 'L');
  world.put("in", "large", large);
  world.put("in", "small", "s");
  EXPECT_EQ(world.import().imported, 2U);
  EXPECT_TRUE(world.files("in").empty());
  EXPECT_EQ(world.drain(), (Bodies{large, "s"}));
}

TEST(Import, LeavesAFileWithTwoNamesUnlessTheDirectoryIsTrusted) {
  DirectoryWorld world;
  world.put("in", "a", "alpha");
  ASSERT_TRUE(world.dir("in")->link_from(*world.dir("in"), "a", "b"));
  const ImportReport first = world.import();
  EXPECT_EQ(first.imported, 0U);
  EXPECT_EQ(first.left(), 2U);
  ImportSettings trusted = DirectoryWorld::at_first_look();
  trusted.trusted = true;
  std::size_t imported = 0;
  for (int i = 0; i < 3; ++i) imported += world.import(trusted).imported;
  EXPECT_EQ(imported, 2U);
  EXPECT_EQ(world.drain(), (Bodies{"alpha", "alpha"}));
}

TEST(Import, NeedsAHandfulOfSyncsForManyFiles) {
  DirectoryWorld world;
  constexpr std::size_t kFiles = 512;
  for (std::size_t i = 0; i < kFiles; ++i) world.put("in", "f" + std::to_string(i), "body");
  world.queue();
  world.disk().clear_trace();
  EXPECT_EQ(world.import().imported, kFiles);
  const std::vector<std::string> trace = world.disk().trace();
  EXPECT_LT(count_lines(trace, "sync"), 60U);
}

}  // namespace
}  // namespace spoolmq::adapters::test

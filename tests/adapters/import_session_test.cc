// The import's turns: what it looks at, what it leaves, and when it has nothing more to do.

#include "adapters/import_session.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <sstream>

#include "spoolmq/error.h"
#include "tests/adapters/import_rig.h"

namespace spoolmq::adapters::test {
namespace {

using Bodies = std::multiset<std::string>;
using Kind = watcher::Hint::Kind;
using Paths = std::vector<std::string>;

ImportSettings first_look() { return DirectoryWorld::at_first_look(); }

void put_below(DirectoryWorld& world, const std::string& directory, const std::string& name,
               const std::string& content) {
  std::unique_ptr<Dir> below = world.dir("in");
  std::istringstream parts(directory);
  for (std::string part; std::getline(parts, part, '/');) {
    if (below->make_dir(part, 0700)) below->sync();
    below = below->open_dir(part);
  }
  const auto file = below->create(name, 0644, IfExists::kFail);
  file->write_at(as_bytes(content), 0);
  file->sync();
  below->sync();
}

void replace(DirectoryWorld& world, const std::string& name, const std::string& content) {
  world.dir("in")->unlink(name);
  world.put("in", name, content);
}

// ---- Which files

TEST(ImportSession, TakesSubdirectoriesToItsDepth) {
  DirectoryWorld world;
  world.put("in", "top", "1");
  put_below(world, "a", "first", "2");
  put_below(world, "a/b", "second", "3");
  ImportSettings settings = first_look();
  settings.depth = 1;
  EXPECT_EQ(ImportRig(world, settings).run().imported, 2U);
  EXPECT_EQ(world.drain(), (Bodies{"1", "2"}));
}

TEST(ImportSession, TakesNothingFromWhereItPutsFilesAside) {
  DirectoryWorld world;
  ImportSettings settings = first_look();
  settings.depth = 8;
  settings.after = AfterImport::kMoveToDone;
  world.put("in", "a", "alpha");
  Sides sides;
  sides.inside = "done";
  ImportRig rig(world, settings, sides);
  EXPECT_EQ(rig.run().imported, 1U);
  put_below(world, "done.errors", "b", "beta");
  EXPECT_EQ(rig.look().imported, 1U);
  rig.hint(Kind::kClosed, "done/a");
  rig.hint(Kind::kAppeared, "done.errors/b");
  EXPECT_EQ(rig.run().imported, 1U);
  EXPECT_EQ(world.drain(), Bodies{"alpha"});
  EXPECT_EQ(world.disk().names("in/done"), Paths{"a"});
}

TEST(ImportSession, TakesWhatIsHintedWithoutALookAtTheRest) {
  DirectoryWorld world;
  ImportRig rig(world, first_look());
  rig.run();
  world.put("in", "a", "alpha");
  world.put("in", "b", "beta");
  rig.hint(Kind::kClosed, "a");
  EXPECT_EQ(rig.run().imported, 1U);
  EXPECT_EQ(rig.imported, Paths{"a"});
  EXPECT_EQ(rig.look().imported, 2U);
}

TEST(ImportSession, CountsAFileOnceThatIsHintedManyTimes) {
  DirectoryWorld world;
  for (const char* name : {"a", "b"}) world.put("in", name, name);
  ImportRig rig(world, first_look());
  for (int i = 0; i < 3; ++i) {
    for (const Kind kind : {Kind::kAppeared, Kind::kModified, Kind::kClosed}) rig.hint(kind, "a");
  }
  EXPECT_EQ(rig.run().imported, 2U);
  EXPECT_EQ(rig.imported.size(), 2U);
  EXPECT_EQ(world.drain(), (Bodies{"a", "b"}));
}

TEST(ImportSession, OrdersByNameOrByAge) {
  for (const ImportOrder order : {ImportOrder::kName, ImportOrder::kMtime}) {
    DirectoryWorld world;
    for (const char* name : {"c", "a", "b"}) world.put("in", name, name);
    const std::int64_t old_ns = world.dir("in")->status("a")->mtime_ns - 10'000'000'000;
    std::int64_t age = 0;
    for (const char* name : {"b", "c", "a"}) {
      world.dir("in")->open(name, Access::kReadWrite)->set_mtime(old_ns + age++);
    }
    ImportSettings settings = first_look();
    settings.order = order;
    ImportRig rig(world, settings);
    rig.run();
    const bool by_name = order == ImportOrder::kName;
    EXPECT_EQ(rig.imported, by_name ? (Paths{"a", "b", "c"}) : (Paths{"b", "c", "a"}));
  }
}

TEST(ImportSession, LeavesWhatIsOutsideItsSizesAndCountsWhatIsTooYoung) {
  DirectoryWorld world;
  world.clock().ahead_ms = 0;
  world.put("in", "small", "1");
  world.put("in", "large", "12345");
  world.put("in", "young", "123");
  ImportSettings settings = first_look();
  settings.min_size = 2;
  settings.max_size = 4;
  settings.min_age = std::chrono::milliseconds(60'000);
  ImportRig rig(world, settings);
  EXPECT_EQ(rig.run().imported, 0U);
  EXPECT_EQ(rig.report().left_unsettled, 1U);
  const Adapter::Turn turn = rig.turn();
  EXPECT_LE(turn.next_boot_ms - world.clock().boot_ms(), 60'000);
  world.clock().ahead_ms += 60'000;
  EXPECT_EQ(rig.run().imported, 1U);
  EXPECT_EQ(rig.report().left(), 0U);
  EXPECT_EQ(world.files("in").size(), 2U);
}

TEST(ImportSession, WaitsNoLongerThanItsMinAgeForAFileFromTomorrow) {
  DirectoryWorld world;
  world.put("in", "a", "alpha");
  ImportSettings settings = first_look();
  settings.min_age = std::chrono::milliseconds(60'000);
  ImportRig rig(world, settings);
  world.clock().step_wall(-std::chrono::hours{24});
  EXPECT_EQ(rig.run().imported, 0U);
  const Adapter::Turn turn = rig.turn();
  EXPECT_LE(turn.next_boot_ms - world.clock().boot_ms(), 60'000);
  world.clock().ahead_ms += 50'000;
  world.dir("in")->open("a", Access::kReadWrite)->write_at(as_bytes("longer than before"), 0);
  rig.hint(Kind::kClosed, "a");
  EXPECT_EQ(rig.run().imported, 0U);
  world.clock().ahead_ms += 50'000;  // of what was written last, not yet
  EXPECT_EQ(rig.run().imported, 0U);
  world.clock().ahead_ms += 10'000;
  EXPECT_EQ(rig.run().imported, 1U);
}

TEST(ImportSession, NamesAreAnyBytes) {
  const Paths names = {"new\nline", "caf\xe9", std::string(255, 'x'), "-rf", "\x1b[31m", "a\\b"};
  DirectoryWorld world;
  Bodies all;
  for (const std::string& name : names) {
    world.put("in", name, "body of " + name);
    all.insert("body of " + name);
  }
  ImportSettings settings = first_look();
  settings.after = AfterImport::kMoveToDone;
  for (const std::string& name : names) world.put("done", name, "taken");
  EXPECT_EQ(ImportRig(world, settings).run().imported, names.size());
  EXPECT_TRUE(world.files("in").empty());
  EXPECT_EQ(world.files("done").size(), 2 * names.size());
  EXPECT_EQ(world.drain(), all);
}

TEST(ImportSession, NamesOfRefusedFilesAreAnyBytes) {
  const Paths names = {"new\nline", "caf\xe9", std::string(255, 'x'), "-rf", std::string(248, 'y')};
  Settings checked;
  checked.check = BodyCheck::kWellFormedXml;
  DirectoryWorld world(checked);
  for (int round = 1; round <= 2; ++round) {
    for (const std::string& name : names) world.put("in", name, "<bad" + std::to_string(round));
    ImportRig rig(world, first_look());
    EXPECT_EQ(rig.run().refused, names.size());
    EXPECT_TRUE(world.files("in").empty());
    EXPECT_EQ(world.files("errors").size(), 2 * names.size() * static_cast<std::size_t>(round));
  }
}

TEST(ImportSession, ADepartingNameIsNeverAFileOfItsOwn) {
  DirectoryWorld world;
  ImportSettings settings = first_look();
  settings.ready.unfinished.clear();
  ImportRig rig(world, settings);
  rig.run();
  const MessageId id({1, 2, 3, 4, 5, 6, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 9});
  world.put("in", departing_name(id), "another program's");
  rig.hint(Kind::kAppeared, departing_name(id));
  EXPECT_EQ(rig.run().imported, 0U);
  EXPECT_EQ(rig.look().imported, 0U);
}

// ---- The done-file rule

ImportSettings done_file_rule() {
  ImportSettings settings = first_look();
  settings.ready.rules = {watcher::Rule::kDoneFile};
  return settings;
}

TEST(ImportSession, TakesAFileTogetherWithTheOneThatSaysItIsFinished) {
  DirectoryWorld world;
  world.put("in", "a.xml", "alpha");
  ImportRig rig(world, done_file_rule());
  EXPECT_EQ(rig.run().imported, 0U);
  EXPECT_EQ(rig.report().left_unsettled, 1U);
  world.put("in", "a.xml.done", "");
  rig.hint(Kind::kClosed, "a.xml.done");
  EXPECT_EQ(rig.run().imported, 1U);
  EXPECT_EQ(rig.report().left_unsettled, 0U);
  EXPECT_TRUE(world.files("in").empty());
  world.put("in", "a.xml", "half of the next");
  EXPECT_EQ(rig.look().imported, 1U);
}

TEST(ImportSession, FindsTheFileOfADoneFileThatCannotBeTurnedRound) {
  DirectoryWorld world;
  ImportSettings settings = done_file_rule();
  settings.ready.done_file = "{stem}.ok";
  ImportRig rig(world, settings);
  rig.run();
  world.put("in", "a.xml", "alpha");
  world.put("in", "a.ok", "");
  rig.hint(Kind::kClosed, "a.ok");
  EXPECT_EQ(rig.run().imported, 1U);
  EXPECT_TRUE(world.files("in").empty());
}

// ---- Marks

TEST(ImportSession, LeavesFilesAboveTheHighMarkUntilTheLowOne) {
  DirectoryWorld world;
  for (const char* name : {"a", "b", "c", "d", "e"}) world.put("in", name, name);
  ImportSettings settings = first_look();
  settings.high_mark = 3;
  settings.low_mark = 1;
  ImportRig rig(world, settings);
  EXPECT_EQ(rig.run().imported, 3U);
  EXPECT_EQ(world.files("in").size(), 2U);
  world.queue().receive()->ack();
  world.clock().ahead_ms += 1000;
  EXPECT_EQ(rig.run().imported, 3U) << "two are ready, which is above the low mark";
  world.queue().receive()->ack();
  world.clock().ahead_ms += 1000;
  EXPECT_EQ(rig.run().imported, 5U);
}

TEST(ImportSession, RestsWhenTheFilesThatWereHeldBackHaveGone) {
  DirectoryWorld world;
  for (const char* name : {"a", "b"}) world.put("in", name, name);
  ImportSettings settings = first_look();
  settings.high_mark = 1;
  ImportRig rig(world, settings);
  EXPECT_EQ(rig.run().imported, 1U);
  world.dir("in")->unlink("b");
  rig.hint(Kind::kLook, "");
  world.clock().ahead_ms += 10'000;
  Adapter::Turn turn = rig.turn();
  turn = rig.turn();
  EXPECT_TRUE(turn.idle);
  EXPECT_GT(turn.next_boot_ms, world.clock().boot_ms());
}

TEST(ImportSession, GoesOnAtALowMarkThatIsTheHighOne) {
  DirectoryWorld world;
  for (const char* name : {"a", "b"}) world.put("in", name, name);
  ImportSettings settings = first_look();
  settings.high_mark = 1;
  settings.low_mark = 1;
  ImportRig rig(world, settings);
  EXPECT_EQ(rig.run().imported, 1U);
  world.clock().ahead_ms += 1000;
  EXPECT_LT(rig.turn().next_boot_ms, INT64_MAX) << "it looks at the queue again by itself";
  world.queue().receive()->ack();
  world.clock().ahead_ms += 1000;
  EXPECT_EQ(rig.run().imported, 2U);
}

// ---- Refused

TEST(ImportSession, TriesARefusedFileOnceAndAgainWhenItHasChanged) {
  Settings checked;
  checked.check = BodyCheck::kWellFormedXml;
  DirectoryWorld world(checked);
  world.put("in", "a", "<a>");
  Sides sides;
  sides.errors = "none";
  ImportRig rig(world, first_look(), sides);
  EXPECT_EQ(rig.run().refused, 1U);
  rig.hint(Kind::kClosed, "a");
  rig.run();
  EXPECT_EQ(rig.look().refused, 1U);
  EXPECT_EQ(world.files("in").size(), 1U);
  world.dir("in")->open("a", Access::kReadWrite)->write_at(as_bytes("<a/>"), 0);
  EXPECT_EQ(rig.look().imported, 1U);
  EXPECT_EQ(world.drain(), Bodies{"<a/>"});
}

TEST(ImportSession, CopiesWhatIsRefusedAndKept) {
  Settings checked;
  checked.check = BodyCheck::kWellFormedXml;
  DirectoryWorld world(checked);
  world.put("in", "a", "<a>");
  ImportSettings settings = first_look();
  settings.after = AfterImport::kKeep;
  for (int round = 0; round < 2; ++round) {
    ImportRig rig(world, settings);
    EXPECT_EQ(rig.run().refused, round == 0 ? 1U : 0U);
    EXPECT_EQ(rig.look().refused, round == 0 ? 1U : 0U);
  }
  EXPECT_EQ(world.files("in").at("a"), "<a>");
  EXPECT_EQ(world.files("errors").size(), 2U);
  EXPECT_EQ(world.files("errors").at("a"), "<a>");
}

TEST(ImportSession, PutsRefusedFilesWhereATemplateSays) {
  Settings checked;
  checked.check = BodyCheck::kWellFormedXml;
  DirectoryWorld world(checked);
  put_below(world, "lyon", "a", "<a>");
  put_below(world, "lyon", "b", "<b/>");
  ImportSettings settings = first_look();
  settings.depth = 1;
  settings.after = AfterImport::kMoveToDone;
  Sides sides;
  sides.errors = "{path:1}";
  sides.done = "{date:%Y}/{path:1}";
  ImportRig(world, settings, sides).run();
  EXPECT_EQ(world.disk().names("errors/lyon"), (Paths{"a", "a.reason"}));
  const std::string year = world.disk().names("done").at(0);
  EXPECT_EQ(year.size(), 4U);
  EXPECT_EQ(world.disk().names("done/" + year + "/lyon"), Paths{"b"});
}

// ---- What other programs do meanwhile

TEST(ImportSession, AFileThatCannotBeReadHoldsUpNoOther) {
  for (const bool is_large : {false, true}) {
    Settings small_bodies;
    small_bodies.body_inline = 1024;
    DirectoryWorld world(small_bodies);
    const std::string body(is_large ? 5000 : 5, 'b');
    for (const char* name : {"a", "b", "c"}) world.put("in", name, body);
    ImportRig rig(world, first_look());
    rig.hooks.before_read = [](const std::string& name) {
      if (name == "b") throw Error::from_errno(EIO, "read", name);
    };
    EXPECT_EQ(rig.run().imported, 2U);
    EXPECT_EQ(rig.report().left_unreadable, 1U);
    EXPECT_EQ(world.disk().names("in"), Paths{"b"});
    rig.hooks.before_read = nullptr;
    EXPECT_EQ(rig.look().imported, 3U);
    EXPECT_EQ(rig.report().left_unreadable, 0U);
    EXPECT_EQ(world.drain(), (Bodies{body, body, body}));
  }
}

TEST(ImportSession, AFileThatMayNotBeOpenedHoldsUpNoOther) {
  DirectoryWorld world;
  for (const char* name : {"a", "b", "c"}) world.put("in", name, name);
  ImportRig rig(world, first_look());
  rig.hooks.opened = [](const std::string& name) {
    if (name == "b") throw Error::from_errno(EACCES, "open", name);
  };
  EXPECT_EQ(rig.run().imported, 2U);
  EXPECT_EQ(rig.report().left_unreadable, 1U);
}

TEST(ImportSession, AFileThatVanishesHoldsUpNoOther) {
  DirectoryWorld world;
  for (const char* name : {"a", "b", "c"}) world.put("in", name, name);
  ImportRig rig(world, first_look());
  rig.hooks.opened = [&](const std::string& name) {
    if (name == "b") world.dir("in")->unlink("b");
  };
  EXPECT_EQ(rig.run().imported, 2U);
  EXPECT_EQ(world.drain(), (Bodies{"a", "c"}));
  EXPECT_EQ(rig.report().left(), 0U);
}

TEST(ImportSession, TheFileThatWasCheckedIsTheOneThatIsRead) {
  DirectoryWorld world;
  for (const char* name : {"a", "b", "c"}) world.put("in", name, name);
  ImportRig rig(world, first_look());
  bool once = true;
  rig.hooks.opened = [&](const std::string& name) {
    if (name == "b" && std::exchange(once, false)) replace(world, "b", "another");
  };
  rig.run();
  rig.look();
  EXPECT_TRUE(world.files("in").empty());
  EXPECT_EQ(world.drain(), (Bodies{"a", "another", "c"}));
}

TEST(ImportSession, AFileReplacedBeforeItLeavesIsImportedToo) {
  DirectoryWorld world;
  world.put("in", "b", "old");
  ImportRig rig(world, first_look());
  bool once = true;
  rig.hooks.before_rename = [&](const std::string& name) {
    if (name == "b" && std::exchange(once, false)) replace(world, "b", "another");
  };
  rig.run();
  rig.look();
  EXPECT_TRUE(world.files("in").empty());
  EXPECT_EQ(world.drain(), (Bodies{"old", "another"}));
}

TEST(ImportSession, AFileReplacedBeforeItIsPutAsideIsImported) {
  Settings checked;
  checked.check = BodyCheck::kWellFormedXml;
  DirectoryWorld world(checked);
  world.put("in", "b", "<bad");
  ImportRig rig(world, first_look());
  bool once = true;
  rig.hooks.before_rename = [&](const std::string& name) {
    if (name == "b" && std::exchange(once, false)) replace(world, "b", "<good/>");
  };
  rig.run();
  rig.look();
  EXPECT_EQ(world.drain(), Bodies{"<good/>"});
  EXPECT_TRUE(world.files("errors").empty());
}

TEST(ImportSession, WaitsForAFileThatGrowsWhileItIsRead) {
  for (const bool is_large : {false, true}) {
    Settings small_bodies;
    small_bodies.body_inline = 1024;
    DirectoryWorld world(small_bodies);
    const std::string body(is_large ? 5000 : 5, 'b');
    world.put("in", "a", body);
    ImportRig rig(world, first_look());
    bool once = true;
    rig.hooks.before_read = [&](const std::string&) {
      if (!std::exchange(once, false)) return;
      world.dir("in")->open("a", Access::kReadWrite)->write_at(as_bytes("+"), body.size());
    };
    EXPECT_EQ(rig.run().imported, 0U);
    EXPECT_EQ(rig.report().left_unsettled, 1U);
    world.clock().ahead_ms += 2000;
    EXPECT_EQ(rig.run().imported, 1U);
    EXPECT_EQ(rig.report().left(), 0U);
    EXPECT_EQ(world.drain(), Bodies{body + "+"});
  }
}

TEST(ImportSession, ANewTurnOfAFileThatChangedAtItsSecondLookIsCountedNoMore) {
  DirectoryWorld world;
  world.put("in", "a", "1");
  ImportSettings settings = first_look();
  settings.ready.stable_for = std::chrono::milliseconds(5000);
  ImportRig rig(world, settings);
  rig.turn();
  rig.turn();
  world.dir("in")->open("a", Access::kReadWrite)->write_at(as_bytes("12"), 0);
  EXPECT_EQ(rig.run().imported, 0U);
  world.clock().ahead_ms += 5000;
  rig.run();
  EXPECT_EQ(rig.report().left_unsettled + rig.report().imported, 1U);
  world.clock().ahead_ms += 6000;
  EXPECT_EQ(rig.run().imported, 1U);
  EXPECT_EQ(rig.report().left_unsettled, 0U);
}

TEST(ImportSession, RestsWhenAFileItWaitedForHasGone) {
  DirectoryWorld world;
  world.put("in", "a", "1");
  ImportSettings settings = first_look();
  settings.ready.stable_for = std::chrono::milliseconds(5000);
  ImportRig rig(world, settings);
  rig.turn();
  world.dir("in")->unlink("a");
  rig.look();
  rig.look();
  EXPECT_EQ(rig.report().left(), 0U);
  const Adapter::Turn turn = rig.turn();
  EXPECT_TRUE(turn.idle);
  EXPECT_EQ(turn.next_boot_ms, INT64_MAX);
}

TEST(ImportSession, WritesToATemporaryFileAreNotCountedOneByOne) {
  DirectoryWorld world;
  world.put("in", "a.tmp", "1");
  ImportRig rig(world, first_look());
  rig.run();
  for (int i = 0; i < 5; ++i) {
    rig.hint(Kind::kModified, "a.tmp");
    rig.run();
  }
  EXPECT_EQ(rig.report().left_unfinished, 1U);
}

// ---- Files that may not be removed

TEST(ImportSession, ImportsAFileOnceThatMayNotBeRemoved) {
  DirectoryWorld world;
  world.put("in", "a", "alpha");
  const auto refuse = [](const std::string& name) {
    if (name == "a") throw Error::from_errno(EPERM, "rename", name);
  };
  for (int round = 0; round < 2; ++round) {
    ImportRig rig(world, first_look());
    rig.hooks.before_rename = refuse;
    EXPECT_EQ(rig.run().imported, round == 0 ? 1U : 0U);
    EXPECT_EQ(rig.look().imported, round == 0 ? 1U : 0U);
    EXPECT_EQ(rig.report().left_stuck, 1U);
    EXPECT_EQ(rig.look().imported, round == 0 ? 1U : 0U);
    EXPECT_EQ(rig.imported.size(), round == 0 ? 1U : 0U);
  }
  EXPECT_EQ(world.drain(), Bodies{"alpha"});
  world.dir("in")->open("a", Access::kReadWrite)->set_mode(0600);
  EXPECT_EQ(world.files("in").size(), 1U);
  ImportRig rig(world, first_look());
  rig.run();
  EXPECT_TRUE(world.files("in").empty());
  EXPECT_TRUE(world.drain().empty());
}

// ---- What a turn is

TEST(ImportSession, TakesManyFilesInManyTurns) {
  DirectoryWorld world;
  constexpr std::size_t kFiles = 600;
  for (std::size_t i = 0; i < kFiles; ++i) world.put("in", std::to_string(i), "");
  ImportSettings settings = first_look();
  settings.order = ImportOrder::kName;
  ImportRig rig(world, settings);
  const Adapter::Turn turn = rig.turn();
  EXPECT_FALSE(turn.idle);
  EXPECT_LT(rig.report().imported, kFiles);
  rig.hint(Kind::kClosed, "599");  // is found ready already
  EXPECT_EQ(rig.run().imported, kFiles);
  EXPECT_TRUE(world.files("in").empty());
}

TEST(ImportSession, LooksAtEverythingAnewAfterARefusal) {
  DirectoryWorld world;
  for (const char* name : {"a", "b"}) world.put("in", name, name);
  ImportRig rig(world, first_look());
  world.disk().fail_at(3, EIO);
  EXPECT_THROW(rig.run(), Error);
  rig.run();
  EXPECT_TRUE(world.files("in").empty());
  EXPECT_EQ(world.drain(), (Bodies{"a", "b"}));
}

}  // namespace
}  // namespace spoolmq::adapters::test

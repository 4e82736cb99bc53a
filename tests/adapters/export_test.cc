#include <gtest/gtest.h>

#include "adapters/export_identity.h"
#include "adapters/export_pass.h"
#include "spoolmq/error.h"
#include "tests/adapters/directory_world.h"

namespace spoolmq::adapters::test {
namespace {

using Files = std::map<std::string, std::string>;
using Bodies = std::multiset<std::string>;

MessageId send(DirectoryWorld& world, const std::string& body, Headers headers = {}) {
  Message message;
  message.headers = std::move(headers);
  message.body = body;
  return world.queue().send(std::move(message));
}

ExportSettings with(IfTaken if_taken) {
  ExportSettings settings;
  settings.if_taken = if_taken;
  return settings;
}

TEST(Export, WritesAFilePerMessageAndAcknowledges) {
  DirectoryWorld world;
  const MessageId nameless = send(world, "one");
  send(world, "two", {{"name", "two.txt"}});
  send(world, "", {{"name", "empty"}});
  ExportSettings settings;
  settings.mode = 0604;
  std::vector<std::string> told;
  const ExportReport report =
      world.export_to_out(settings, {.on_exported = [&](const MessageId&, const std::string& name,
                                                        std::uint64_t) { told.push_back(name); },
                                     .on_left = {}});
  EXPECT_EQ(report.bytes, 6U);
  EXPECT_EQ(report.exported, 3U);
  EXPECT_EQ(report.left + report.skipped, 0U);
  EXPECT_EQ(world.files("out"),
            (Files{{nameless.text(), "one"}, {"two.txt", "two"}, {"empty", ""}}));
  EXPECT_EQ(told, (std::vector<std::string>{nameless.text(), "two.txt", "empty"}));
  EXPECT_EQ(world.dir("out")->status("two.txt")->mode, 0604U);
  EXPECT_TRUE(world.drain().empty());
}

TEST(Export, HasNothingToDoWhereTheQueueIsEmpty) {
  DirectoryWorld world;
  const ExportReport report = world.export_to_out();
  EXPECT_EQ(report.exported + report.skipped + report.left, 0U);
}

TEST(Export, StopsAtTheLimit) {
  DirectoryWorld world;
  for (const char* body : {"a", "b", "c"}) send(world, body, {{"name", body}});
  ExportSettings settings;
  settings.limit = 2;
  EXPECT_EQ(world.export_to_out(settings).exported, 2U);
  EXPECT_EQ(world.files("out"), (Files{{"a", "a"}, {"b", "b"}}));
  EXPECT_EQ(world.drain(), Bodies{"c"});
}

TEST(Export, LeavesAMessageWhoseNameIsTaken) {
  DirectoryWorld world;
  world.put("out", "a", "old");
  send(world, "new", {{"name", "a"}});
  send(world, "first", {{"name", "b"}});
  send(world, "second", {{"name", "b"}});
  std::vector<std::string> left;
  const ExportReport report =
      world.export_to_out({}, {.on_exported = {},
                               .on_left = [&](const MessageId&, const std::string& name,
                                              std::string_view) { left.push_back(name); }});
  EXPECT_EQ(report.exported, 1U);
  EXPECT_EQ(report.left, 2U);
  EXPECT_EQ(left, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(world.files("out"), (Files{{"a", "old"}, {"b", "first"}}));
  EXPECT_EQ(world.drain(), (Bodies{"new", "second"}));
}

TEST(Export, NumbersANameThatIsTaken) {
  DirectoryWorld world;
  world.put("out", "a.txt", "old");
  for (const char* body : {"one", "two"}) send(world, body, {{"name", "a.txt"}});
  EXPECT_EQ(world.export_to_out(with(IfTaken::kSuffix)).exported, 2U);
  EXPECT_EQ(world.files("out"), (Files{{"a.txt", "old"}, {"a.1.txt", "one"}, {"a.2.txt", "two"}}));
}

TEST(Export, ReplacesAFileButNoDirectory) {
  DirectoryWorld world;
  world.put("out", "a", "old");
  world.dir("out")->make_dir("d", 0700);
  for (const char* body : {"one", "two"}) send(world, body, {{"name", "a"}});
  send(world, "three", {{"name", "d"}});
  const ExportReport report = world.export_to_out(with(IfTaken::kReplace));
  EXPECT_EQ(report.exported, 2U);
  EXPECT_EQ(report.left, 1U);
  EXPECT_EQ(world.files("out").at("a"), "two");
  EXPECT_EQ(world.drain(), Bodies{"three"});
}

TEST(Export, SkipsANameThatIsTaken) {
  DirectoryWorld world;
  world.put("out", "a", "old");
  send(world, "one", {{"name", "a"}});
  send(world, "two", {{"name", "b"}});
  const ExportReport report = world.export_to_out(with(IfTaken::kSkip));
  EXPECT_EQ(report.exported, 1U);
  EXPECT_EQ(report.skipped, 1U);
  EXPECT_EQ(world.files("out"), (Files{{"a", "old"}, {"b", "two"}}));
  EXPECT_TRUE(world.drain().empty());
}

TEST(Export, KeepsAStrangersNameInTheDirectory) {
  DirectoryWorld world;
  send(world, "evil", {{"name", "../done/x"}});
  world.export_to_out();
  EXPECT_TRUE(world.files("done").empty());
  EXPECT_EQ(world.files("out"), (Files{{"_._done_x", "evil"}}));
}

TEST(Export, WritesALargeBodyWhole) {
  Settings settings;
  settings.body_inline = 1024;
  DirectoryWorld world(settings);
  std::string large;
  while (large.size() < 300'000) large += std::to_string(large.size());
  Message message;
  message.headers = {{"name", "large"}};
  std::size_t at = 0;
  world.queue().send_stream(std::move(message), [&](std::span<char> into) {
    const std::size_t got = large.copy(into.data(), into.size(), at);
    at += got;
    return got;
  });
  EXPECT_EQ(world.export_to_out().exported, 1U);
  EXPECT_EQ(world.files("out").at("large"), large);
}

TEST(Export, UsesTheSequenceOfTheQueue) {
  DirectoryWorld world;
  const MessageId id = send(world, "one");
  const std::int64_t sequence = world.queue().status(id)->sequence;
  ExportSettings settings;
  settings.name = NameTemplate::parse("{seq}.txt");
  world.export_to_out(settings);
  EXPECT_EQ(world.files("out").begin()->first, std::to_string(sequence) + ".txt");
}

TEST(Export, RemovesWhatAKilledPassLeftOfMessagesThatAreGone) {
  DirectoryWorld world;
  const MessageId live = send(world, "live", {{"name", "a"}});
  const MessageId gone({1, 2, 3, 4, 5, 6, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 9});
  const auto held = world.queue().receive();  // another pass may be at work on it
  world.put("out", export_temporary(live, 1), "half");
  world.put("out", export_temporary(gone, 2), "half");
  world.put("out", ".spoolmq-mine.tmp", "not ours");
  world.export_to_out();
  EXPECT_EQ(world.files("out"),
            (Files{{export_temporary(live, 1), "half"}, {".spoolmq-mine.tmp", "not ours"}}));
}

TEST(Export, RemovesWhatEarlierAttemptsLeftOfAMessageThatIsItsOwnNow) {
  DirectoryWorld world;
  const MessageId taken = send(world, "one", {{"name", "a"}});
  const MessageId free = send(world, "two", {{"name", "b"}});
  world.put("out", "a", "taken");
  for (const std::uint64_t nonce : {1U, 2U}) {
    world.put("out", export_temporary(taken, nonce), "half");
    world.put("out", export_temporary(free, nonce, ExportPart::kChecksum), "half");
  }
  world.export_to_out();
  EXPECT_EQ(world.files("out"), (Files{{"a", "taken"}, {"b", "two"}}));
}

TEST(Export, GoesOnWithAFileThatOnlyLacksItsName) {
  DirectoryWorld world;
  send(world, "one", {{"name", "a"}});
  world.leave_export_unfinished("a", "one");
  EXPECT_EQ(world.export_to_out().exported, 1U);
  EXPECT_EQ(world.files("out"), (Files{{"a", "one"}}));
  EXPECT_TRUE(world.drain().empty());
}

TEST(Export, PromisesNothingOnAFullDisk) {
  DirectoryWorld world;
  send(world, "one", {{"name", "a"}});
  world.queue();
  world.disk().clear_trace();
  // Whatever operation meets the full disk, the message is in the queue or in a complete file.
  for (std::uint64_t n = 1; n < 12; ++n) {
    world.disk().fail_at(n, ENOSPC, spoolmq::test::Repeat::kOnce);
    try {
      world.export_to_out();
    } catch (const Error&) {
    }
    world.disk().stop_failing();
    world.close();
    Files found = world.files("out");
    std::erase_if(found, [](const auto& file) { return file.first.starts_with('.'); });
    if (!found.empty()) {
      EXPECT_EQ(found, (Files{{"a", "one"}}));
      break;
    }
  }
  world.clock().ahead_ms += 3'600'000;
  world.export_to_out();
  EXPECT_EQ(world.files("out"), (Files{{"a", "one"}}));
  EXPECT_TRUE(world.drain().empty());
}

}  // namespace
}  // namespace spoolmq::adapters::test

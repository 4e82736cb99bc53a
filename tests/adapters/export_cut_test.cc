// Whatever is cut off wherever: every message becomes exactly one complete file.

#include <gtest/gtest.h>

#include "adapters/export_checksum.h"
#include "tests/adapters/directory_world.h"

namespace spoolmq::adapters::test {
namespace {

using Bodies = std::multiset<std::string>;
using Files = std::map<std::string, std::string>;

constexpr std::size_t kLargeBytes = 3000;

std::unique_ptr<DirectoryWorld> world_with_messages() {
  Settings settings;
  settings.body_inline = 1024;
  settings.backoff = std::chrono::milliseconds{0};
  settings.max_failures = 100;
  auto world = std::make_unique<DirectoryWorld>(settings);
  std::vector<Message> messages(2);
  messages[0].headers = {{"name", "a"}};
  messages[0].body = "alpha";
  messages[1].headers = {{"name", "b"}};
  messages[1].body = "beta";
  world->queue().send_batch(std::move(messages));
  Message large;
  large.headers = {{"name", "large"}};
  std::size_t left = kLargeBytes;
  world->queue().send_stream(std::move(large), [&](std::span<char> into) {
    const std::size_t got = std::min(left, into.size());
    std::fill_n(into.begin(), got, 'L');
    left -= got;
    return got;
  });
  world->close();
  return world;
}

Files every_file() {
  return {{"a", "alpha"}, {"b", "beta"}, {"large", std::string(kLargeBytes, 'L')}};
}

std::string place(Cut cut, std::uint64_t n) {
  return "cut " + std::to_string(static_cast<int>(cut)) + " at operation " + std::to_string(n);
}

void export_all(DirectoryWorld& world, IfTaken if_taken) {
  ExportSettings settings;
  settings.if_taken = if_taken;
  world.export_to_out(settings);
}

void expect_complete_after_cut(IfTaken if_taken) {
  at_every_cut(
      world_with_messages, [&](DirectoryWorld& world) { export_all(world, if_taken); },
      [&](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        for (const auto& [name, content] : world.files("out")) {
          if (name.starts_with('.')) continue;
          ASSERT_EQ(content, every_file().at(name)) << "torn, " << place(cut, n);
        }
        export_all(world, if_taken);
        ASSERT_TRUE(world.drain().empty()) << place(cut, n);
        ASSERT_EQ(world.files("out"), every_file()) << place(cut, n);
      });
}

TEST(ExportCut, EveryMessageBecomesOneFile) { expect_complete_after_cut(IfTaken::kFail); }

TEST(ExportCut, NoMessageIsNumberedAgainstItself) { expect_complete_after_cut(IfTaken::kSuffix); }

TEST(ExportCut, AMessageWhoseNameWasTakenMeanwhileStays) {
  at_every_cut(
      [] {
        auto world = world_with_messages();
        world->leave_export_unfinished("a", "alpha");
        world->put("out", "a", "foreign");
        world->close();
        return world;
      },
      [](DirectoryWorld& world) { export_all(world, IfTaken::kFail); },
      [](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        export_all(world, IfTaken::kFail);
        ASSERT_EQ(world.files("out").at("a"), "foreign") << place(cut, n);
        ASSERT_EQ(world.drain(), Bodies{"alpha"}) << place(cut, n);
      });
}

// A program takes the files as soon as they are there, also those of a pass that was cut short.
TEST(ExportCut, NoMessageAppearsTwiceWhereFilesAreTakenAway) {
  at_every_cut(
      world_with_messages, [](DirectoryWorld& world) { export_all(world, IfTaken::kFail); },
      [](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        Bodies taken = world.take("out");
        export_all(world, IfTaken::kFail);
        taken.merge(world.take("out"));
        Bodies expected;
        for (const auto& [name, content] : every_file()) expected.insert(content);
        ASSERT_EQ(taken, expected) << place(cut, n);
        ASSERT_TRUE(world.drain().empty()) << place(cut, n);
      });
}

// ---- With a checksum and a done file

ExportSettings with_companions(IfTaken if_taken) {
  ExportSettings settings;
  settings.if_taken = if_taken;
  settings.checksum = kSha256;
  settings.done_file = "{name}.done";
  return settings;
}

std::string checksum_of(const std::string& name, const std::string& content) {
  Sha256 sum;
  sum.add(as_bytes(content));
  return sha256sum_line(sum.hex(), name);
}

bool is_companion(const std::string& name) {
  return name.ends_with(".sha256") || name.ends_with(".done");
}

// Who finds the file finds its checksum; who finds the done file finds both.
void expect_companions_in_order(const Files& files, const std::string& where) {
  for (const auto& [name, content] : files) {
    if (name.starts_with('.')) continue;
    if (name.ends_with(".done")) {
      const std::string of = name.substr(0, name.size() - 5);
      ASSERT_TRUE(files.contains(of)) << name << ", " << where;
    } else if (!is_companion(name)) {
      ASSERT_EQ(content, every_file().at(name)) << "torn, " << where;
      ASSERT_TRUE(files.contains(name + ".sha256")) << name << ", " << where;
      ASSERT_EQ(files.at(name + ".sha256"), checksum_of(name, content)) << where;
    }
  }
}

TEST(ExportCut, CompanionsAppearInOrderAndEachOnce) {
  Files expected;
  for (const auto& [name, content] : every_file()) {
    expected[name] = content;
    expected[name + ".sha256"] = checksum_of(name, content);
    expected[name + ".done"] = "";
  }
  const ExportSettings settings = with_companions(IfTaken::kFail);
  at_every_cut(
      world_with_messages, [&](DirectoryWorld& world) { world.export_to_out(settings); },
      [&](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        expect_companions_in_order(world.files("out"), place(cut, n));
        world.export_to_out(settings);
        ASSERT_TRUE(world.drain().empty()) << place(cut, n);
        ASSERT_EQ(world.files("out"), expected) << place(cut, n);
      });
}

// A program that goes by the done files: it takes the file and what stands beside it.
Bodies take_done(DirectoryWorld& world) {
  Bodies taken;
  const auto where = world.dir("out");
  const Files files = world.files("out");
  for (const auto& [done, nothing] : files) {
    if (!done.ends_with(".done")) continue;
    const std::string name = done.substr(0, done.size() - 5);
    if (const auto file = files.find(name); file != files.end()) {
      taken.insert(file->second);
    } else {
      taken.insert("a done file without its file: " + name);
    }
    for (const char* end : {"", ".sha256", ".done"}) where->unlink(name + end);
  }
  return taken;
}

TEST(ExportCut, AProgramThatGoesByTheDoneFilesTakesEachMessageOnce) {
  const ExportSettings settings = with_companions(IfTaken::kSuffix);
  Bodies expected;
  for (const auto& [name, content] : every_file()) expected.insert(content);
  at_every_cut(
      world_with_messages, [&](DirectoryWorld& world) { world.export_to_out(settings); },
      [&](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        Bodies taken = take_done(world);
        world.export_to_out(settings);
        taken.merge(take_done(world));
        ASSERT_EQ(taken, expected) << place(cut, n);
        ASSERT_TRUE(world.drain().empty()) << place(cut, n);
        ASSERT_TRUE(world.files("out").empty()) << place(cut, n);
      });
}

TEST(ExportCut, ANameTakenMeanwhileIsNumberedWithItsCompanions) {
  ExportSettings settings = with_companions(IfTaken::kSuffix);
  Files expected = {{"a", "foreign"}};
  for (const auto& [name, content] : every_file()) {
    const std::string file = name == "a" ? "a.1" : name;
    expected[file] = content;
    expected[file + ".sha256"] = checksum_of(file, content);
    expected[file + ".done"] = "";
  }
  at_every_cut(
      [] {
        auto world = world_with_messages();
        world->leave_export_unfinished("a", "alpha");
        world->put("out", "a", "foreign");
        world->close();
        return world;
      },
      [&](DirectoryWorld& world) { world.export_to_out(settings); },
      [&](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        world.export_to_out(settings);
        ASSERT_TRUE(world.drain().empty()) << place(cut, n);
        ASSERT_EQ(world.files("out"), expected) << place(cut, n);
      });
}

TEST(ExportCut, NothingIsLostWhereEqualFilesAreSkipped) {
  ExportSettings settings;
  settings.if_taken = IfTaken::kSkipEqual;
  at_every_cut(
      [] {
        auto world = world_with_messages();
        world->put("out", "a", "alpha");
        Message again;
        again.headers = {{"name", "b"}};
        again.body = "beta";
        world->queue().send(std::move(again));
        world->close();
        return world;
      },
      [&](DirectoryWorld& world) { world.export_to_out(settings); },
      [&](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        world.export_to_out(settings);
        ASSERT_TRUE(world.drain().empty()) << place(cut, n);
        world.export_to_out(settings);
        ASSERT_EQ(world.files("out"), every_file()) << place(cut, n);
      });
}

// ---- One growing file

TEST(ExportAppendCut, EveryMessageStandsInItOnce) {
  ExportSettings settings;
  settings.append = true;
  settings.name = NameTemplate::parse("log");
  const std::string whole = "first\nalpha\nbeta\n" + std::string(kLargeBytes, 'L') + "\n";
  at_every_cut(
      [] {
        auto world = world_with_messages();
        world->put("out", "log", "first\n");
        return world;
      },
      [&](DirectoryWorld& world) { world.export_to_out(settings); },
      [&](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        world.export_to_out(settings);
        ASSERT_TRUE(world.drain().empty()) << place(cut, n);
        ASSERT_EQ(world.files("out"), (Files{{"log", whole}})) << place(cut, n);
      });
}

TEST(ExportAppendCut, EveryMessageStandsInOneOfTheFilesPutAside) {
  ExportSettings settings;
  settings.append = true;
  settings.name = NameTemplate::parse("log.txt");
  settings.rotate_size = 8;
  settings.rotate_every = std::chrono::hours{48};
  const Files expected = {{"log.1.txt", "alpha\n"},
                          {"log.2.txt", "beta\n"},
                          {"log.txt", std::string(kLargeBytes, 'L') + "\n"}};
  at_every_cut(
      world_with_messages, [&](DirectoryWorld& world) { world.export_to_out(settings); },
      [&](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        world.export_to_out(settings);
        ASSERT_TRUE(world.drain().empty()) << place(cut, n);
        ASSERT_EQ(world.files("out"), expected) << place(cut, n);
      });
}

}  // namespace
}  // namespace spoolmq::adapters::test

// Whatever is cut off wherever: every message becomes exactly one complete file.

#include <gtest/gtest.h>

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
  ExportOptions options;
  options.if_taken = if_taken;
  world.export_to_out(options);
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
        export_all(world, if_taken);  // removes what the first left behind
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

}  // namespace
}  // namespace spoolmq::adapters::test

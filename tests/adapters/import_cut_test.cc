// Whatever is cut off wherever: every file's content reaches the queue exactly once.

#include <gtest/gtest.h>

#include "tests/adapters/directory_world.h"

namespace spoolmq::adapters::test {
namespace {

using Bodies = std::multiset<std::string>;

constexpr std::size_t kLargeBytes = 3000;

std::unique_ptr<DirectoryWorld> world_with_files() {
  Settings settings;
  settings.body_inline = 1024;
  settings.backoff = std::chrono::milliseconds{0};
  auto world = std::make_unique<DirectoryWorld>(settings);
  world->put("in", "a", "alpha");
  world->put("in", "b", "beta");
  world->put("in", "large", std::string(kLargeBytes, 'L'));
  world->put("in", "z", "");
  return world;
}

Bodies every_body() { return {"alpha", "beta", std::string(kLargeBytes, 'L'), ""}; }

std::string place(Cut cut, std::uint64_t n) {
  return "cut " + std::to_string(static_cast<int>(cut)) + " at operation " + std::to_string(n);
}

TEST(ImportCut, EveryFileIsImportedOnceAndRemoved) {
  at_every_cut(
      world_with_files, [](DirectoryWorld& world) { world.import(); },
      [](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        world.import();
        ASSERT_EQ(world.drain(), every_body()) << place(cut, n);
        ASSERT_TRUE(world.files("in").empty()) << place(cut, n);
      });
}

// The messages are gone before the next pass: only what the queue and imports.db remember helps.
TEST(ImportCut, IsNotImportedAgainAfterItsMessageIsGone) {
  at_every_cut(
      world_with_files, [](DirectoryWorld& world) { world.import(); },
      [](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        Bodies got = world.drain();
        world.import();
        got.merge(world.drain());
        ASSERT_EQ(got, every_body()) << place(cut, n);
        ASSERT_TRUE(world.files("in").empty()) << place(cut, n);
      });
}

TEST(ImportCut, KeptFilesAreImportedOnce) {
  ImportSettings keep = DirectoryWorld::at_first_look();
  keep.after = AfterImport::kKeep;
  at_every_cut(
      world_with_files, [&](DirectoryWorld& world) { world.import(keep); },
      [&](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        world.import(keep);
        ASSERT_EQ(world.drain(), every_body()) << place(cut, n);
        ASSERT_EQ(world.files("in").size(), every_body().size()) << place(cut, n);
      });
}

TEST(ImportCut, EveryFileIsMovedToDone) {
  ImportSettings done = DirectoryWorld::at_first_look();
  done.after = AfterImport::kMoveToDone;
  at_every_cut(
      world_with_files, [&](DirectoryWorld& world) { world.import(done); },
      [&](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        world.import(done);
        ASSERT_EQ(world.drain(), every_body()) << place(cut, n);
        ASSERT_TRUE(world.files("in").empty()) << place(cut, n);
        const auto moved = world.files("done");
        for (const char* name : {"a", "b", "large", "z"}) {
          ASSERT_TRUE(moved.contains(name)) << name << ", " << place(cut, n);
        }
      });
}

}  // namespace
}  // namespace spoolmq::adapters::test

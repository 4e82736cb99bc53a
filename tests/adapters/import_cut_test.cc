// Whatever is cut off wherever: every file's content reaches the queue exactly once.

#include <gtest/gtest.h>

#include "tests/adapters/import_rig.h"

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

TEST(ImportCut, NoRowOutlivesItsFile) {
  at_every_cut(
      world_with_files, [](DirectoryWorld& world) { world.import(); },
      [](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        world.import();
        ASSERT_EQ(world.import_rows(), 0) << place(cut, n);
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

// ---- More than plain files

ImportSettings moved_by_date() {
  ImportSettings settings = DirectoryWorld::at_first_look();
  settings.after = AfterImport::kMoveToDone;
  return settings;
}

void put_below(DirectoryWorld& world, const std::string& directory, const std::string& name) {
  const auto in = world.dir("in");
  if (in->make_dir(directory, 0700)) in->sync();
  const auto below = in->open_dir(directory);
  const auto file = below->create(name, 0644, IfExists::kFail);
  file->write_at(as_bytes(name), 0);
  file->sync();
  below->sync();
}

// What lies in errors/, each with its reason beside it. (A reason may be left alone: every disk of
// the twin has another path, so that its text does not look like our own.)
Bodies put_aside(DirectoryWorld& world) {
  Bodies found;
  const auto files = world.files("errors");
  for (const auto& [name, content] : files) {
    if (name.ends_with(".reason")) continue;
    EXPECT_TRUE(files.contains(name + ".reason")) << name;
    EXPECT_FALSE(name.starts_with('.')) << name;
    found.insert(content);
  }
  return found;
}

TEST(ImportCut, SubdirectoriesAreMovedToDonesOfTheirOwn) {
  ImportSettings settings = moved_by_date();
  settings.depth = 1;
  Sides sides;
  sides.done = "{date:%Y}/{path:1}";
  const auto prepare = [] {
    auto world = std::make_unique<DirectoryWorld>();
    put_below(*world, "lyon", "a");
    put_below(*world, "ulm", "b");
    return world;
  };
  at_every_cut(
      prepare, [&](DirectoryWorld& world) { ImportRig(world, settings, sides).run(); },
      [&](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        ImportRig(world, settings, sides).run();
        ASSERT_EQ(world.drain(), (Bodies{"a", "b"})) << place(cut, n);
        const std::string year = "done/" + world.disk().names("done").at(0);
        ASSERT_EQ(world.disk().names(year + "/lyon").at(0), "a") << place(cut, n);
        ASSERT_EQ(world.disk().names(year + "/ulm").at(0), "b") << place(cut, n);
        ASSERT_TRUE(world.disk().names("in/lyon").empty()) << place(cut, n);
        ASSERT_TRUE(world.disk().names("in/ulm").empty()) << place(cut, n);
      });
}

// Left behind, it would vouch for the next file of that name.
TEST(ImportCut, ADoneFileNeverOutlivesItsFile) {
  ImportSettings settings = DirectoryWorld::at_first_look();
  settings.ready.rules = {watcher::Rule::kDoneFile};
  const auto prepare = [] {
    auto world = std::make_unique<DirectoryWorld>();
    world->put("in", "a", "alpha");
    world->put("in", "a.done", "");
    return world;
  };
  at_every_cut(
      prepare, [&](DirectoryWorld& world) { ImportRig(world, settings).run(); },
      [&](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        const auto left = world.files("in");
        const bool has_done = left.contains("a.done");
        ASSERT_TRUE(!has_done || left.size() == 2) << place(cut, n);
        ImportRig(world, settings).run();
        ASSERT_EQ(world.drain(), Bodies{"alpha"}) << place(cut, n);
        ASSERT_TRUE(world.files("in").empty()) << place(cut, n);
      });
}

TEST(ImportCut, ASplitFileComesThroughOnceRecordByRecord) {
  ImportSettings settings = DirectoryWorld::at_first_look();
  std::string why;
  settings.split = *SplitRule::parse("csv", &why);
  const auto prepare = [] {
    auto world = std::make_unique<DirectoryWorld>();
    world->put("in", "a.csv", "k,v\n1,2\n3\n4,5\n6\n");
    return world;
  };
  at_every_cut(
      prepare, [&](DirectoryWorld& world) { ImportRig(world, settings).run(); },
      [&](DirectoryWorld& world, Cut cut, std::uint64_t n) {
        Bodies got = world.drain();
        ImportRig(world, settings).run();
        got.merge(world.drain());
        ASSERT_EQ(got, (Bodies{"k,v\n1,2\n", "k,v\n4,5\n"})) << place(cut, n);
        ASSERT_EQ(put_aside(world), (Bodies{"3\n", "6\n"})) << place(cut, n);
        ASSERT_TRUE(world.files("in").empty()) << place(cut, n);
      });
}

TEST(ImportCut, ARefusedFileIsPutAsideOnce) {
  Settings checked;
  checked.check = BodyCheck::kWellFormedXml;
  const auto prepare = [&] {
    auto world = std::make_unique<DirectoryWorld>(checked);
    world->put("in", "bad", "<a");
    world->put("in", "good", "<a/>");
    return world;
  };
  for (const AfterImport after : {AfterImport::kKeep, AfterImport::kRemove}) {
    ImportSettings settings = DirectoryWorld::at_first_look();
    settings.after = after;
    at_every_cut(
        prepare, [&](DirectoryWorld& world) { ImportRig(world, settings).run(); },
        [&](DirectoryWorld& world, Cut cut, std::uint64_t n) {
          ImportRig(world, settings).run();
          ASSERT_EQ(world.drain(), Bodies{"<a/>"}) << place(cut, n);
          // A rename whose one half only was durable shows the file under both its names.
          const Bodies aside = put_aside(world);
          ASSERT_EQ(aside.count("<a"), aside.size()) << place(cut, n);
          ASSERT_GE(aside.size(), 1U) << place(cut, n);
          ASSERT_TRUE(after != AfterImport::kKeep || aside.size() == 1) << place(cut, n);
          ASSERT_EQ(world.files("in").size(), after == AfterImport::kKeep ? 2U : 0U)
              << place(cut, n);
        });
  }
}

// The same name tomorrow, of the same size, mtime and bytes, in the same inode: another file.
TEST(ImportCut, AnIdenticalFileIsImportedAgain) {
  constexpr std::int64_t kMtimeNs = 1'000'000'000;
  Settings small_bodies;
  small_bodies.body_inline = 4;
  for (const std::string body : {"", "x", "large body"}) {
    const auto prepare = [&] {
      auto world = std::make_unique<DirectoryWorld>(small_bodies);
      world->put("in", "a", body);
      world->dir("in")->open("a", Access::kReadWrite)->set_mtime(kMtimeNs);
      return world;
    };
    at_every_cut(
        prepare, [](DirectoryWorld& world) { world.import(); },
        [&](DirectoryWorld& world, Cut cut, std::uint64_t n) {
          const auto in = world.dir("in");
          Bodies expected{body};
          if (world.disk().names("in").empty()) {
            IdentityDatabase database(*world.dir("root")->open_dir("queues")->open_dir("q"), 0600);
            // The twin never gives an inode twice: its row gets the next one's instead.
            world.put("in", "a", body);
            in->open("a", Access::kReadWrite)->set_mtime(kMtimeNs);
            const FileStatus now = *in->status("a");
            database.prepare("UPDATE imports SET inode = ?, mtime_ns = ?")
                .bind(1, now.inode)
                .bind(2, now.mtime_ns)
                .run();
            expected.insert(body);
          }
          world.import();
          ASSERT_EQ(world.drain(), expected) << place(cut, n);
          ASSERT_TRUE(world.disk().names("in").empty()) << place(cut, n);
        });
  }
}

TEST(ImportCut, MoreThanOneBatchComesThroughOnce) {
  constexpr std::size_t kFiles = 260;
  constexpr std::uint64_t kStride = 37;
  for (const Cut cut : kCuts) {
    bool was_cut = true;
    for (std::uint64_t n = 1; was_cut; n += kStride) {
      DirectoryWorld world;
      const auto in = world.dir("in");
      Bodies all;
      for (std::size_t i = 0; i < kFiles; ++i) {
        const std::string name = std::to_string(i);
        const auto file = in->create(name, 0644, IfExists::kFail);
        file->write_at(as_bytes(name), 0);
        file->sync();
        all.insert(name);
      }
      in->sync();
      world.disk().cut_at(n);
      try {
        world.import();
        world.disk().throw_if_cut();
      } catch (const spoolmq::test::PowerCut&) {
      } catch (const Error&) {
        if (!world.disk().is_cut()) throw;
      }
      was_cut = world.disk().is_cut();
      world.restart(cut);
      Bodies got = world.drain();
      world.import();
      got.merge(world.drain());
      ASSERT_EQ(got, all) << place(cut, n);
      ASSERT_TRUE(world.disk().names("in").empty()) << place(cut, n);
    }
  }
}

}  // namespace
}  // namespace spoolmq::adapters::test

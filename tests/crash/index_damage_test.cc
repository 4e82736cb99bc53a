// The index deleted, cut, flipped or replaced while nobody has it open.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "tests/crash/index_damage_world.h"

namespace spoolmq::test {
namespace {

namespace fs = std::filesystem;

constexpr int kFlips = 24;  // per file; positions spread over it, seeded

struct Damage {
  const char* name;
  std::function<void(DamagedWorld&)> act;
};

void replace_by_older(DamagedWorld& world) {
  fs::copy_file(world.older_copy(), world.index(), fs::copy_options::overwrite_existing);
}
void remove_log(DamagedWorld& world) {
  fs::remove(world.index("-wal"));
  fs::remove(world.index("-shm"));
}

const Damage kDamages[] = {
    {"None", [](DamagedWorld&) {}},
    {"Deleted", [](DamagedWorld& w) { fs::remove(w.index()); }},
    {"DeletedWithItsLog",
     [](DamagedWorld& w) {
       remove_log(w);
       fs::remove(w.index());
     }},
    {"LogDeleted", [](DamagedWorld& w) { remove_log(w); }},
    {"Empty", [](DamagedWorld& w) { truncate_file(w.index(), 0); }},
    {"Cut", [](DamagedWorld& w) { truncate_file(w.index(), size_of(w.index()) / 2 + 100); }},
    {"CutAtAPage", [](DamagedWorld& w) { truncate_file(w.index(), 5 * 4096); }},
    {"LogEmpty", [](DamagedWorld& w) { truncate_file(w.index("-wal"), 0); }},
    {"LogCut",
     [](DamagedWorld& w) { truncate_file(w.index("-wal"), size_of(w.index("-wal")) / 2); }},
    {"OlderCopyAlone",
     [](DamagedWorld& w) {
       remove_log(w);
       replace_by_older(w);
     }},
    {"OlderCopyUnderTheNewerLog", [](DamagedWorld& w) { replace_by_older(w); }},
    {"OlderCopyRenamedIntoPlace",
     [](DamagedWorld& w) {
       const std::string index = w.index();
       fs::rename(w.older_copy(), index);
     }},
};

class DamagedIndex : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedIndex, LosesNothingAndBringsNothingBack) {
  DamagedWorld world;
  GetParam().act(world);
  world.check(DamagedWorld::Expect::kEverything);
}

TEST_P(DamagedIndex, LosesNothingWithoutVerdicts) {
  DamagedWorld world;
  GetParam().act(world);
  fs::remove(world.verdicts());
  world.check(DamagedWorld::Expect::kNothingLost);
}

INSTANTIATE_TEST_SUITE_P(All, DamagedIndex, ::testing::ValuesIn(kDamages),
                         [](const auto& one) { return one.param.name; });

// The database was changed by a checkpoint after the copy was made, and the log above it speaks of
// few of those pages: nothing in the log alone tells that the database is an older one.
TEST(IndexDamage, AnOlderCopyUnderALogThatDoesNotCoverItIsSeen) {
  TemporaryRoot root;
  Root::open(root.path()).create_queue("q");
  Process first = agent(root, "q");
  Ids all = ids_of(first.ask("batch 3000 body"));
  ASSERT_EQ(first.ask("close"), "done 0");
  const std::string index = root.queue_path("q") + "/index.1.db";
  const std::string copy = root.path() + "/older";
  fs::copy_file(index, copy);
  Process second = agent(root, "q");
  all.merge(ids_of(second.ask("batch 3000 body")));
  ASSERT_EQ(second.ask("close"), "done 0");
  Process third = agent(root, "q");
  all.merge(ids_of(third.ask("send body")));
  third.kill();
  fs::copy_file(copy, index, fs::copy_options::overwrite_existing);
  Process fourth = agent(root, "q");
  const Ids there = ids_of(fourth.ask("receive 4096 0 600000"));
  const Ids rest = ids_of(fourth.ask("receive 4096 0 600000"));
  EXPECT_EQ(there.size() + rest.size(), all.size());
}

// A world is made once and copied for every bit.
void flip_everywhere(const std::string& suffix) {
  DamagedWorld world;
  const std::string queue = world.root().queue_path("q");
  const std::string kept = world.root().path() + "/kept";
  const fs::file_time_type written = fs::last_write_time(world.index());
  fs::copy(queue, kept, fs::copy_options::recursive);
  const std::string file = world.index(suffix);
  const std::uint64_t size = size_of(file);
  std::mt19937_64 random(size);
  for (std::uint64_t i = 0; i < kFlips; ++i) {
    // The first ones in the headers.
    const std::uint64_t offset = i < 6 ? i * 7 : i * size / kFlips + random() % (size / kFlips);
    SCOPED_TRACE(fs::path(file).filename().string() + " at " + std::to_string(offset));
    fs::remove_all(queue);
    fs::copy(kept, queue, fs::copy_options::recursive);
    flip_bit(file, offset, static_cast<int>(random() % 8));
    // A bit that the disk flips changes no time: the checksums alone must find it.
    fs::last_write_time(world.index(), written);
    world.check(DamagedWorld::Expect::kEverything);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(IndexDamageByBits, InTheDatabaseLosesNothing) { flip_everywhere(""); }
TEST(IndexDamageByBits, InTheLogLosesNothing) { flip_everywhere("-wal"); }

TEST(IndexDamageByBits, InTheVerdictsLosesNothing) {
  DamagedWorld world;
  flip_bit(world.verdicts(), size_of(world.verdicts()) / 2, 3);
  std::filesystem::remove(world.index());
  world.check(DamagedWorld::Expect::kNothingLost);
}

// What is written behind the damage must count again.
TEST(IndexDamageByBits, InTheVerdictsHarmsNoneThatFollows) {
  DamagedWorld world;
  Ids rejected;
  {
    Process one = agent(world.root(), "q");
    flip_bit(world.verdicts(), 20, 3);
    fs::remove(world.index());
    ASSERT_EQ(one.ask("maintain"), "done 0");  // a rebuild, without one of the verdicts
    const std::string got = one.ask("receive 20 0 600000");
    rejected = ids_of(got);
    ASSERT_EQ(rejected.size(), 20U) << got;
    ASSERT_EQ(one.ask("reject"), "done 20");
    ASSERT_EQ(one.ask("maintain"), "done 0");
    fs::remove(world.index());
    ASSERT_EQ(one.ask("maintain"), "done 0");
  }
  Root root = Root::open(world.root().path());
  Queue queue = root.open_queue("q");
  for (const std::string& id : rejected) {
    const auto status = queue.status(MessageId::parse(id).value());
    ASSERT_TRUE(status);
    EXPECT_EQ(status->state, State::kDead) << id;
  }
}

}  // namespace
}  // namespace spoolmq::test

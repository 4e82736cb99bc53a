// The same while other processes have the index open and go on sending and receiving.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "tests/crash/index_damage_world.h"

namespace spoolmq::test {
namespace {

namespace fs = std::filesystem;

constexpr int kTimes = 12;  // the index is removed under running traffic
const Milliseconds kBetween{60};

struct Damage {
  const char* name;
  std::function<void(DamagedWorld&)> act;
};

const Damage kDamages[] = {
    {"Deleted", [](DamagedWorld& w) { fs::remove(w.index()); }},
    {"DeletedWithItsLog",
     [](DamagedWorld& w) {
       const std::string index = w.index();
       for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(index + suffix);
     }},
    {"OlderCopyRenamedIntoPlace",
     [](DamagedWorld& w) {
       const std::string index = w.index();
       fs::rename(w.older_copy(), index);
     }},
    {"OlderCopyWithoutLog",
     [](DamagedWorld& w) {
       const std::string index = w.index();
       for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(index + suffix);
       fs::rename(w.older_copy(), index);
     }},
    {"Empty", [](DamagedWorld& w) { truncate_file(w.index(), 0); }},
    {"LogEmpty", [](DamagedWorld& w) { truncate_file(w.index("-wal"), 0); }},
    {"LogCut", [](DamagedWorld& w) { truncate_file(w.index("-wal"), 9000); }},
    {"BitInTheDatabase", [](DamagedWorld& w) { flip_bit(w.index(), size_of(w.index()) / 2, 4); }},
};

class LiveIndexDamage : public ::testing::TestWithParam<Damage> {};

TEST_P(LiveIndexDamage, LosesNothingAndBringsNothingBack) {
  DamagedWorld world;
  {
    Process sender = agent(world.root(), "q");
    Process receiver = agent(world.root(), "q");
    world.live.merge(ids_of(sender.ask("batch 8 before")));
    for (const std::string& id : ids_of(receiver.ask("take 6"))) {
      EXPECT_EQ(world.live.erase(id), 1U) << id;
      world.acked.insert(id);
    }
    ASSERT_EQ(receiver.ask("maintain"), "done 0");
    GetParam().act(world);
    world.live.merge(ids_of(sender.ask("batch 8 after")));
    world.live.merge(ids_of(sender.ask("xml after")));
    const Ids more = ids_of(receiver.ask("take 10"));
    EXPECT_EQ(more.size(), 10U);
    for (const std::string& id : more) {
      EXPECT_EQ(world.live.erase(id), 1U) << id << (world.acked.contains(id) ? " was acked" : "");
    }
    world.live.merge(ids_of(sender.ask("send last")));
    ASSERT_EQ(receiver.ask("maintain"), "done 0");
  }
  world.check(DamagedWorld::Expect::kEverything);
}

INSTANTIATE_TEST_SUITE_P(All, LiveIndexDamage, ::testing::ValuesIn(kDamages),
                         [](const auto& one) { return one.param.name; });

TEST(LiveIndexDamageUnderTraffic, LosesNothing) {
  DamagedWorld world;
  const Ids past = world.acked;
  Process sender = agent(world.root(), "q");
  Process other = agent(world.root(), "q");
  Process receiver = agent(world.root(), "q");
  sender.say("many 600 one");
  other.say("many 600 two");
  receiver.say("take 400");
  for (int i = 0; i < kTimes; ++i) {
    std::this_thread::sleep_for(kBetween);
    std::error_code gone;
    fs::remove(world.index(), gone);
  }
  for (Process* one : {&sender, &other}) {
    const std::string sent = one->hear();
    ASSERT_EQ(words(sent).at(0), "sent") << sent;
    world.live.merge(ids_of(sent));
  }
  const std::string got = receiver.hear();
  const Ids taken = ids_of(got);
  ASSERT_EQ(words(got).at(0), "got") << got;
  ASSERT_FALSE(taken.empty());
  for (const std::string& id : taken) {
    EXPECT_FALSE(past.contains(id)) << id << " was acknowledged long ago";
    world.live.erase(id);
  }
  // An ack of the last second before a removal may be forgotten, a message may not.
  Root root = Root::open(world.root().path());
  Queue queue = root.open_queue("q");
  Ids there;
  ReceiveOptions all;
  all.max = 1000;
  all.wait = Milliseconds{1000};  // two senders still live: what they owe is indexed
  std::vector<Delivery> kept;
  for (auto some = queue.receive_batch(all); !some.empty(); some = queue.receive_batch(all)) {
    for (Delivery& one : some) {
      there.insert(one.message().id.text());
      kept.push_back(std::move(one));
    }
  }
  for (const std::string& id : world.live) EXPECT_TRUE(there.contains(id)) << "lost: " << id;
  for (const std::string& id : past) EXPECT_FALSE(there.contains(id)) << "back: " << id;
  EXPECT_EQ(queue.stats().of(State::kDead).messages, static_cast<std::int64_t>(world.dead.size()));
  EXPECT_EQ(queue.stats().of(State::kHeld).messages, static_cast<std::int64_t>(world.held.size()));
}

}  // namespace
}  // namespace spoolmq::test

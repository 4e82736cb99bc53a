// A socket-in on the twin's queue: what comes together shares a sync, and nobody is told anything
// before it.

#include "adapters/socket_in_adapter.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/adapters/tail_rig.h"

namespace spoolmq::adapters::test {
namespace {

class SocketInTest : public ::testing::Test {
 protected:
  void start(const Settings& queue = {}) {
    world.emplace(queue);
    root.emplace(Root::open(world->dir("root"), world->shared_clock()));
    settings.reception.place.path = path;
    settings.answers = true;
    place.root = &*root;
    place.clock = &world->clock();
    place.counters = &counters;
    place.name = "in";
    adapter.emplace("q", settings, place);
  }
  // While the peers do their part.
  void turn_until(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!holds()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end);
      adapter->interrupt();
      adapter->turn();
    }
  }
  static void write(const Descriptor& peer, const std::string& bytes) {
    ASSERT_EQ(::write(peer.number(), bytes.data(), bytes.size()),
              static_cast<ssize_t>(bytes.size()));
  }

  const spoolmq::test::TemporaryDirectory directory;
  const std::string path = directory.at("socket");
  std::optional<DirectoryWorld> world;
  std::optional<Root> root;
  AdapterCounters counters;
  AdapterPlace place;
  SocketInSettings settings;
  std::optional<SocketInAdapter> adapter;
};

TEST_F(SocketInTest, SharesOneSyncAmongAllConnections) {
  start();
  std::vector<Descriptor> peers;
  for (int i = 0; i < 50; ++i) peers.push_back(connect_there(path));
  for (int round = 0; round < 2; ++round) {  // the second message of a handle begins a segment
    write(peers[0], "first\n");
    turn_until([&] { return counters.moved == static_cast<std::uint64_t>(round) + 1; });
  }
  turn_until([&] { return counters.moved == 2; });
  const std::int64_t before = world->queue().stats().totals.syncs;
  for (const Descriptor& peer : peers) write(peer, "together\n");
  turn_until([&] { return counters.moved == 52; });
  std::vector<std::string> got(peers.size());
  turn_until([&] {
    bool all = true;
    for (std::size_t i = 0; i < peers.size(); ++i) {
      read_on(peers[i].number(), got[i]);
      all = all && got[i].ends_with("\n") && got[i].find("ok ") != std::string::npos;
    }
    return all;
  });
  adapter.reset();  // its handle tells its syncs
  EXPECT_LE(world->queue().stats().totals.syncs - before, 6);
}

TEST_F(SocketInTest, AnswersNothingThatAPowerCutCanTake) {
  start();
  const Descriptor peer = connect_there(path);
  write(peer, "one\ntwo\n");
  std::string got;
  turn_until([&] {
    read_on(peer.number(), got);
    return std::ranges::count(got, '\n') == 2;
  });
  world->disk().cut_at(1);
  adapter.reset();
  root.reset();
  world->restart(Cut::kPowerNamesLost);
  EXPECT_EQ(world->drain(), (std::multiset<std::string>{"one", "two"}));
}

TEST_F(SocketInTest, GivesUpForAWhileWhereTheQueueStaysFull) {
  Settings one;
  one.capacity = 1;
  start(one);
  const Descriptor peer = connect_there(path);
  write(peer, "one\ntwo\n");
  turn_until([&] { return counters.moved == 1; });
  world->clock().ahead_ms += 6'000;
  EXPECT_THROW(
      {
        for (int i = 0; i < 100; ++i) {
          adapter->interrupt();
          adapter->turn();
          world->clock().ahead_ms += 6'000;
        }
      },
      Error);
  std::string got;
  read_on(peer.number(), got);
  EXPECT_EQ(std::ranges::count(got, '\n'), 1) << got;  // who could be told was told
  EXPECT_EQ(world->drain(), (std::multiset<std::string>{"one"}));
  turn_until([&] { return counters.moved == 2; });  // the same adapter, the same connection
  turn_until([&] {
    read_on(peer.number(), got);
    return std::ranges::count(got, '\n') == 2;
  });
}

}  // namespace
}  // namespace spoolmq::adapters::test

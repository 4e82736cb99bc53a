// A STOMP server on the twin's queue, with real sockets: receipts vouch for what a power cut cannot
// take, sends share syncs, and the sockets' thread waits for no disk.

#include "adapters/stomp_server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/adapters/tail_rig.h"

namespace spoolmq::adapters::test {
namespace {

class StompServerTest : public ::testing::Test {
 protected:
  void start() {
    world.emplace();
    root.emplace(Root::open(world->dir("root"), world->shared_clock()));
    settings.reception.place.path = path;
    place.root = &*root;
    place.clock = &world->clock();
    place.counters = &counters;
    place.name = "stomp";
    adapter.emplace("", settings, place);
  }
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
  static std::string frame(std::string_view head, std::string_view body = {}) {
    std::string bytes(head);
    bytes.append("\n\n").append(body).append(1, '\0');
    return bytes;
  }
  Descriptor connected() {
    Descriptor peer = connect_there(path);
    write(peer, frame("CONNECT\naccept-version:1.2"));
    EXPECT_NE(heard(peer, "CONNECTED").find("version:1.2"), std::string::npos);
    return peer;
  }
  // What comes, up to and with the end of a frame that says so.
  std::string heard(const Descriptor& peer, std::string_view wanted) {
    std::string& got = heard_[peer.number()];
    std::string::size_type end = 0;
    turn_until([&] {
      read_on(peer.number(), got);
      const std::string::size_type at = got.find(wanted);
      end = at == std::string::npos ? at : got.find('\0', at);
      return end != std::string::npos;
    });
    if (end == std::string::npos) return {};
    std::string text = got.substr(0, end);
    got.erase(0, end + 1);
    return text;
  }

  const spoolmq::test::TemporaryDirectory directory;
  const std::string path = directory.at("socket");
  std::optional<DirectoryWorld> world;
  std::optional<Root> root;
  AdapterCounters counters;
  AdapterPlace place;
  StompServerSettings settings;
  std::optional<StompServer> adapter;

 private:
  std::map<int, std::string> heard_;
};

TEST_F(StompServerTest, GivesReceiptsForWhatAPowerCutCannotTake) {
  start();
  const Descriptor peer = connected();
  write(peer, frame("SEND\ndestination:q", "one") + frame("SEND\ndestination:q\nreceipt:2", "two"));
  heard(peer, "receipt-id:2");
  world->restart(Cut::kPowerNamesLost);
  EXPECT_EQ(world->drain(), (std::multiset<std::string>{"one", "two"}));
}

TEST_F(StompServerTest, SharesSyncsAmongAllConnections) {
  start();
  std::vector<Descriptor> peers;
  for (int i = 0; i < 50; ++i) peers.push_back(connected());
  for (int i = 0; i < 2; ++i) {  // the second message of a handle begins a segment
    write(peers[0], frame("SEND\ndestination:q\nreceipt:first", "first"));
    heard(peers[0], "receipt-id:first");
  }
  adapter.reset();  // its handle tells its syncs
  const std::int64_t before = world->queue().stats().totals.syncs;
  adapter.emplace("", settings, place);
  peers.clear();
  for (int i = 0; i < 50; ++i) {  // all of it is there before anybody looks
    peers.push_back(connect_there(path));
    write(peers.back(), frame("CONNECT\naccept-version:1.2") +
                            frame("SEND\ndestination:q\nreceipt:r", "together"));
  }
  for (const Descriptor& peer : peers) heard(peer, "receipt-id:r");
  adapter.reset();
  EXPECT_LE(world->queue().stats().totals.syncs - before, 25);
}

TEST_F(StompServerTest, ServesOthersWhileAQueueTakesItsTime) {
  start();
  Settings settings_of_it;
  settings_of_it.capacity = 0;  // whoever sends waits for a receiver
  root->create_queue("slow", settings_of_it);
  const Descriptor waiting = connected();
  write(waiting, frame("SEND\ndestination:slow\nreceipt:taken", "x"));
  Queue slow = root->open_queue("slow");
  turn_until([&] { return slow.stats().of(State::kReady).messages == 1; });
  const Descriptor other = connected();
  write(other, frame("SEND\ndestination:q\nreceipt:meanwhile", "y"));
  heard(other, "receipt-id:meanwhile");
  ReceiveOptions options;
  options.wait = Milliseconds{10'000};
  std::optional<Delivery> delivery = slow.receive(options);
  ASSERT_TRUE(delivery);
  delivery->ack();
  EXPECT_NE(heard(waiting, "taken").find("RECEIPT"), std::string::npos);
}

TEST_F(StompServerTest, AcknowledgesForGood) {
  start();
  const Descriptor peer = connected();
  write(peer, frame("SEND\ndestination:q", "one") +
                  frame("SUBSCRIBE\ndestination:/queue/q\nid:0\nack:client"));
  heard(peer, "MESSAGE");
  write(peer, frame("ACK\nid:1\nreceipt:acked"));
  heard(peer, "receipt-id:acked");
  world->restart(Cut::kPowerNamesLost);
  EXPECT_TRUE(world->drain().empty());
}

TEST_F(StompServerTest, GivesBackWhatAConnectionHad) {
  start();
  std::optional<Descriptor> peer = connected();
  write(*peer, frame("SEND\ndestination:q", "one") +
                   frame("SUBSCRIBE\ndestination:/queue/q\nid:0\nack:client"));
  EXPECT_NE(heard(*peer, "MESSAGE").find("redelivered:false"), std::string::npos);
  peer.reset();
  const Descriptor next = connected();
  write(next, frame("SUBSCRIBE\ndestination:/queue/q\nid:0\nack:client"));
  EXPECT_NE(heard(next, "MESSAGE").find("redelivered:true"), std::string::npos);
}

TEST_F(StompServerTest, ExtendsTheLeasesOfWhatIsNotAcknowledged) {
  start();
  const Descriptor peer = connected();
  write(peer, frame("SEND\ndestination:q", "one") +
                  frame("SUBSCRIBE\ndestination:/queue/q\nid:0\nack:client"));
  heard(peer, "MESSAGE");
  const MessageId id = world->queue().scan({}).at(0).id;
  for (int i = 0; i < 6; ++i) {  // a lease takes 30 s
    world->clock().ahead_ms += 11'000;
    turn_until([&] { return world->queue().status(id)->lease_left_ms > 20'000; });
  }
  write(peer, frame("ACK\nid:1\nreceipt:acked"));
  heard(peer, "receipt-id:acked");
}

TEST_F(StompServerTest, SharesAQueueAmongItsSubscribers) {
  start();
  std::vector<Descriptor> peers;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(connected());
    write(peers.back(), frame("SUBSCRIBE\ndestination:/queue/q\nid:0\nack:client\n"
                              "prefetch-count:1\nreceipt:on"));
    heard(peers.back(), "receipt-id:on");
  }
  Message message;
  message.body = "each";
  for (int i = 0; i < 4; ++i) world->queue().send(message);
  for (const Descriptor& peer : peers) heard(peer, "MESSAGE");
}

TEST_F(StompServerTest, RefusesQueuesThatAreNotThere) {
  start();
  const Descriptor peer = connected();
  write(peer, frame("SEND\ndestination:none\nreceipt:r", "x"));
  EXPECT_NE(heard(peer, "ERROR").find("receipt-id:r"), std::string::npos);
  EXPECT_FALSE(root->has_queue("none"));
}

TEST_F(StompServerTest, SendsHeartBeatsAndWantsThem) {
  start();
  const Descriptor peer = connect_there(path);
  write(peer, frame("CONNECT\nheart-beat:5000,5000"));
  heard(peer, "CONNECTED");
  world->clock().ahead_ms += 4'500;
  std::string got;
  turn_until([&] {
    read_on(peer.number(), got);
    return std::ranges::count(got, '\n') >= 2;  // that of CONNECTED's end, and a heart-beat
  });
  world->clock().ahead_ms += 12'000;
  turn_until([&] {
    read_on(peer.number(), got);
    return got.find("no heart-beat came in time") != std::string::npos;
  });
}

TEST_F(StompServerTest, EndsWhoNeverConnects) {
  settings.handshake_ms = 1'000;
  start();
  const Descriptor peer = connect_there(path);
  write(peer, "CONN");
  turn_until([&] { return counters.refused == 0; });
  world->clock().ahead_ms += 2'000;
  EXPECT_NE(heard(peer, "ERROR").find("no CONNECT came in time"), std::string::npos);
}

}  // namespace
}  // namespace spoolmq::adapters::test

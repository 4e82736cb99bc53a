// fetch, before a broker that the test plays: nothing is acknowledged there before it is durable
// here, and what comes again is recognised.

#include "adapters/fetch_adapter.h"

#include <gtest/gtest.h>

#include "tests/adapters/stomp_peer.h"
#include "tests/adapters/turning_rig.h"

namespace spoolmq::adapters::test {
namespace {

class FetchAdapterTest : public ::testing::Test {
 protected:
  FetchAdapterTest() { settings.addresses = {peer.place()}; }
  ~FetchAdapterTest() override { peer.cut(); }
  void start(bool once = false) { rig.start<FetchAdapter>(settings, once); }
  // In a session; the SUBSCRIBE.
  StompFrame subscribed(const std::string& server = "other") {
    peer.welcome(server);
    return peer.next();
  }
  void deliver(const std::string& body, const std::string& ack,
               std::vector<StompHeader> headers = {}) {
    headers.insert(headers.begin(), {{"subscription", "1"}, {"ack", ack}, {"destination", "/q"}});
    peer.say({"MESSAGE", std::move(headers), body});
  }
  // Of the next frame, which is an ACK: whose.
  std::string acked() {
    const StompFrame frame = peer.next();
    EXPECT_EQ(frame.command, "ACK");
    if (frame.header("receipt") != nullptr) peer.confirm(frame);
    const std::string* const id = frame.header("id");
    return id == nullptr ? std::string() : *id;
  }

  FetchSettings settings;
  StompPeer peer;
  TurningRig rig;
};

using Bodies = std::vector<std::string>;

TEST_F(FetchAdapterTest, AcknowledgesWhatIsDurableAndNoMoreThanItsPrefetch) {
  settings.window = 17;
  start();
  const StompFrame subscribe = subscribed("ActiveMQ/5.17.2");
  EXPECT_EQ(subscribe.command, "SUBSCRIBE");
  EXPECT_EQ(*subscribe.header("ack"), "client-individual");
  EXPECT_EQ(*subscribe.header("destination"), "/queue/q");
  EXPECT_EQ(*subscribe.header("prefetch-count"), "17");
  EXPECT_EQ(*subscribe.header("activemq.prefetchSize"), "17");
  deliver("one", "a");
  EXPECT_EQ(acked(), "a");
  EXPECT_EQ(rig.count(State::kReady), 1);
  deliver("two", "b");
  EXPECT_EQ(acked(), "b");
  EXPECT_EQ(rig.bodies(2), (Bodies{"one", "two"}));
}

TEST_F(FetchAdapterTest, KnowsAgainWhatAForwardOfOursSent) {
  const std::vector<StompHeader> headers{{"spoolmq-id", "01890a5d-ac96-774b-bcce-b302099a8057"}};
  start();
  subscribed();
  deliver("one", "a", headers);
  EXPECT_EQ(acked(), "a");
  deliver("one", "b", headers);
  EXPECT_EQ(acked(), "b");
  EXPECT_EQ(rig.bodies(1), Bodies{"one"});
  EXPECT_EQ(rig.world.queue().next_ready(1)[0].id.text(), "01890a5d-ac96-774b-bcce-b302099a8057");
}

TEST_F(FetchAdapterTest, KnowsAgainWhatTheBrokerDeliversAgainAfterALostAcknowledgement) {
  start();
  subscribed("ActiveMQ/5.17.2");
  deliver("one", "a", {{"message-id", "ID:host-1:1"}});
  EXPECT_EQ(peer.next().command, "ACK");  // its receipt never comes
  peer.cut();
  EXPECT_EQ(rig.error().code(), ErrorCode::kUnavailable);
  start();
  subscribed("ActiveMQ/5.17.2");
  deliver("one", "b", {{"message-id", "ID:host-1:1"}, {"redelivered", "true"}});
  EXPECT_EQ(acked(), "b");
  EXPECT_EQ(rig.bodies(1), Bodies{"one"});
  EXPECT_EQ(rig.world.queue().load(rig.world.queue().next_ready(1)[0].id)->headers, Headers{});
}

TEST_F(FetchAdapterTest, BuriesWhatTheQueueRefusesForGoodRatherThanToLoseIt) {
  start();
  subscribed();
  const std::vector<StompHeader> headers{{"spoolmq-id", "01890a5d-ac96-774b-bcce-b302099a8057"}};
  deliver("one", "a", headers);
  EXPECT_EQ(acked(), "a");
  deliver("another", "b", headers);  // whose id that is not
  EXPECT_EQ(acked(), "b");
  EXPECT_EQ(rig.count(State::kReady), 1);
  EXPECT_EQ(rig.count(State::kDead), 1);
}

TEST_F(FetchAdapterTest, StopsReadingWhileTheQueueIsFullAndLosesNothing) {
  Queue& queue = rig.world.queue();
  const SettingText one[] = {{"capacity", "1"}};
  queue.configure(one);
  start();
  subscribed();
  const auto id = [](int nth) {
    return std::vector<StompHeader>{
        {"spoolmq-id", "01890a5d-ac96-774b-bcce-b302099a80" + std::to_string(10 + nth)}};
  };
  deliver("one", "a", id(1));
  EXPECT_EQ(acked(), "a");
  deliver("two", "b", id(2));
  EXPECT_TRUE(peer.is_silent(200));
  queue.receive()->ack();
  EXPECT_EQ(acked(), "b");
  EXPECT_EQ(rig.bodies(1), Bodies{"two"});
}

TEST_F(FetchAdapterTest, EndsOnceItIsQuietAndAllIsAcknowledged) {
  settings.quiet_ms = 50;
  start(true);
  subscribed();
  deliver("one", "a");
  EXPECT_EQ(acked(), "a");
  const StompFrame bye = peer.next();
  EXPECT_EQ(bye.command, "DISCONNECT");
  peer.confirm(bye);
  EXPECT_TRUE(rig.ends());
  EXPECT_EQ(rig.count(State::kReady), 1);
}

}  // namespace
}  // namespace spoolmq::adapters::test

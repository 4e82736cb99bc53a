// forward, before a broker that the test plays: what confirms a message, what ends a session, and
// what comes again after it.

#include "adapters/forward_adapter.h"

#include <gtest/gtest.h>

#include "tests/adapters/stomp_peer.h"
#include "tests/adapters/turning_rig.h"

namespace spoolmq::adapters::test {
namespace {

class ForwardAdapterTest : public ::testing::Test {
 protected:
  ForwardAdapterTest() { settings.addresses = {peer.place()}; }
  ~ForwardAdapterTest() override { peer.cut(); }
  void start(bool once = false) { rig.start<ForwardAdapter>(settings, once); }
  bool left(std::int64_t count) {
    return until([&] {
      return rig.count(State::kReady) + rig.count(State::kLeased) + rig.count(State::kDelayed) ==
             count;
    });
  }

  ForwardSettings settings;
  StompPeer peer;
  TurningRig rig;
};

TEST_F(ForwardAdapterTest, AcknowledgesWhatWasConfirmedInWhateverOrder) {
  const MessageId first = rig.send("one");
  rig.send("two");
  start();
  const StompFrame connect = peer.welcome();
  EXPECT_EQ(connect.command, "CONNECT");
  EXPECT_EQ(*connect.header("accept-version"), "1.0,1.1,1.2");
  EXPECT_EQ(*connect.header("host"), "/");
  const std::vector<StompFrame> sent = peer.next(2);
  EXPECT_EQ(sent[0].command, "SEND");
  EXPECT_EQ(sent[0].body, "one");
  EXPECT_EQ(*sent[0].header("receipt"), first.text());
  EXPECT_EQ(*sent[0].header("destination"), "/queue/q");
  peer.confirm(sent[1]);
  EXPECT_TRUE(left(1));
  EXPECT_EQ(rig.count(State::kLeased), 1);
  peer.confirm(sent[0]);
  EXPECT_TRUE(left(0));
  EXPECT_TRUE(until([&] { return rig.counters.moved == 2; }));
}

TEST_F(ForwardAdapterTest, SendsAgainUnderTheSameIdWhatACutLeftInDoubt) {
  rig.send("one");
  rig.send("two");
  start();
  peer.welcome();
  const std::vector<StompFrame> before = peer.next(2);
  peer.confirm(before[0]);
  EXPECT_TRUE(left(1));
  peer.cut();
  peer.welcome();
  const StompFrame again = peer.next();
  EXPECT_EQ(again.body, "two");
  EXPECT_EQ(*again.header("receipt"), *before[1].header("receipt"));
  EXPECT_EQ(*again.header("spoolmq-id"), *before[1].header("spoolmq-id"));
  peer.confirm(again);
  EXPECT_TRUE(left(0));
  EXPECT_EQ(rig.world.queue().stats().totals.failures, 0);
}

TEST_F(ForwardAdapterTest, HoldsBackWhatGoesBeyondTheWindow) {
  settings.window = 2;
  for (const char* body : {"one", "two", "three"}) rig.send(body);
  start();
  peer.welcome();
  const std::vector<StompFrame> sent = peer.next(2);
  EXPECT_TRUE(peer.is_silent(100));
  peer.confirm(sent[0]);
  EXPECT_EQ(peer.next().body, "three");
}

TEST_F(ForwardAdapterTest, SaysAnOutageAndCountsNoFailureWhenTheBrokerSaysError) {
  rig.send("one");
  start();
  peer.welcome();
  peer.next();
  peer.say({"ERROR", {{"message", "internal_error"}}, "out of\nmemory"});
  const Error error = rig.error();
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_EQ(error.why(), "internal_error: out of");
  EXPECT_EQ(error.subject(), peer.place().text());
  EXPECT_EQ(rig.count(State::kReady), 1);
  EXPECT_EQ(rig.world.queue().stats().totals.failures, 0);
}

TEST_F(ForwardAdapterTest, TriesEveryHostBeforeItSaysSo) {
  StompPeer other;
  settings.addresses.push_back(other.place());
  rig.send("one");
  start();
  peer.welcome();
  peer.next();
  peer.cut();
  other.welcome();
  EXPECT_EQ(other.next().body, "one");
  other.cut();
  EXPECT_EQ(rig.error().subject(), other.place().text());
}

TEST_F(ForwardAdapterTest, GoesOnAtTheNextHostWhenAGoodOneIsLost) {
  StompPeer other;
  settings.addresses.push_back(other.place());
  rig.send("one");
  start();
  peer.welcome();
  peer.confirm(peer.next());
  EXPECT_TRUE(left(0));
  peer.cut();
  other.welcome();
  rig.send("two");
  other.confirm(other.next());
  EXPECT_TRUE(left(0));
}

TEST_F(ForwardAdapterTest, RefusesForGoodWhatTheBrokerSaysIsTooLargeAndGoesOn) {
  const MessageId bad = rig.send("large");
  start();
  peer.welcome();
  const StompFrame sent = peer.next();
  peer.say({"ERROR", {{"message", "Message too large"}, {"receipt-id", bad.text()}}, {}});
  EXPECT_TRUE(until([&] { return rig.count(State::kDead) == 1; }));
  EXPECT_EQ(rig.world.queue().status(bad)->reason,
            "rejected: the broker refuses it: Message too large");
  rig.send("small");
  peer.welcome();
  peer.confirm(peer.next());
  EXPECT_TRUE(left(0));
}

TEST_F(ForwardAdapterTest, FindsOutOneByOneWhichMessageIsMeantWhereTheErrorNamesNone) {
  for (const char* body : {"one", "two", "three"}) rig.send(body);
  start();
  peer.welcome();
  peer.next(3);
  const StompFrame too_large{"ERROR", {{"message", "frame exceeds the limit"}}, {}};
  peer.say(too_large);
  peer.welcome();
  StompFrame alone = peer.next();
  EXPECT_EQ(alone.body, "one");
  EXPECT_TRUE(peer.is_silent(50));
  peer.confirm(alone);
  alone = peer.next();
  EXPECT_EQ(alone.body, "two");
  peer.say(too_large);
  peer.welcome();
  alone = peer.next();
  EXPECT_EQ(alone.body, "three");
  peer.confirm(alone);
  EXPECT_TRUE(left(0));
  EXPECT_EQ(rig.count(State::kDead), 1);
}

TEST_F(ForwardAdapterTest, BuriesWhatIsLargerThanItMaySend) {
  settings.most_bytes = 3;
  rig.send("four");
  rig.send("one");
  start();
  peer.welcome();
  EXPECT_EQ(peer.next().body, "one");
  EXPECT_EQ(rig.refusals(), std::vector<std::string>{"oversize: 4 bytes, at most 3 go this way"});
}

TEST_F(ForwardAdapterTest, GivesUpASessionThatConfirmsNothing) {
  settings.answer_ms = 200;
  rig.send("one");
  start();
  peer.welcome();
  peer.next();
  EXPECT_EQ(rig.error().why(), "no receipt within 200ms");
  EXPECT_EQ(rig.count(State::kReady), 1);
}

TEST_F(ForwardAdapterTest, SaysGoodbyeOnceTheQueueIsEmptyAndTheLastReceiptHasCome) {
  rig.send("one");
  start(true);
  peer.welcome();
  peer.confirm(peer.next());
  const StompFrame bye = peer.next();
  EXPECT_EQ(bye.command, "DISCONNECT");
  peer.confirm(bye);
  EXPECT_TRUE(rig.ends());
}

TEST_F(ForwardAdapterTest, WaitsAMomentForReceiptsThatAreUnderWayWhenItIsEnded) {
  rig.send("one");
  start();
  peer.welcome();
  const StompFrame sent = peer.next();
  std::jthread late([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
    peer.confirm(sent);
  });
  rig.stop();
  EXPECT_EQ(rig.world.queue().stats().of(State::kReady).messages, 0);
}

TEST_F(ForwardAdapterTest, IsToldBySilenceThatTheBrokerIsGoneAndBeatsItself) {
  settings.heart_beat_ms = 100;
  start();
  peer.welcome("other", "100,100");
  EXPECT_EQ(peer.bytes(), "\n");
  EXPECT_EQ(peer.bytes(), "\n");
  EXPECT_EQ(rig.error().why(), "no heart-beat within 1200ms");
}

TEST_F(ForwardAdapterTest, SaysWhyItWasNotLetIn) {
  start();
  peer.accept();
  peer.say({"ERROR", {{"message", "Bad CONNECT"}}, "Access refused\n"});
  const Error error = rig.error();
  EXPECT_EQ(error.code(), ErrorCode::kPermission);
  EXPECT_EQ(error.why(), "Bad CONNECT: Access refused");
}

}  // namespace
}  // namespace spoolmq::adapters::test

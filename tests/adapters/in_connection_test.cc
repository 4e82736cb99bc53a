// One connection of a socket-in: what is taken, what is answered, and in what order.

#include "adapters/in_connection.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/adapters/fake_stream.h"

namespace spoolmq::adapters::test {
namespace {

class InConnectionTest : public ::testing::Test {
 protected:
  InConnectionTest() { settings.answers = true; }
  void make() {
    Peer peer;
    peer.is_local = true;
    peer.user = 1000;
    peer.process = 77;
    peer.name = "desk";
    connection.emplace(std::make_unique<FakeStream>(other), peer, settings, now_ms);
  }
  InConnection::Taking taking() {
    return {.has_room = [this] { return taken.size() < room; },
            .put = [this](Message message) { taken.push_back(std::move(message)); },
            .refused = [this](const std::string& why) { refused.push_back(why); },
            .buffer = buffer,
            .now_boot_ms = now_ms};
  }
  // As long as it gets further.
  void advance() {
    do {
      connection->advance(taking());
    } while (connection->has_more() && taken.size() < room);
  }
  [[nodiscard]] std::string bodies() const {
    std::string all;
    for (const Message& one : taken) all += one.body + "|";
    return all;
  }

  SocketInSettings settings;
  OtherSide other;
  std::optional<InConnection> connection;
  std::string buffer = std::string(64, '\0');
  std::vector<Message> taken;
  std::vector<std::string> refused;
  std::size_t room = 1000;
  std::int64_t now_ms = 1000;
};

TEST_F(InConnectionTest, SaysWhoSentAMessage) {
  make();
  other.sent = {"one\n"};
  advance();
  ASSERT_EQ(taken.size(), 1);
  EXPECT_EQ(taken[0].from, (Sender{1000, 77, "desk"}));
}

TEST_F(InConnectionTest, AnswersInTheOrderOfFramesWhateverIsKnownFirst) {
  settings.frames.most_bytes = 3;
  make();
  other.sent = {"one\nmuch too long\ntwo\n"};
  advance();
  EXPECT_EQ(bodies(), "one|two|");
  EXPECT_EQ(refused.size(), 1);
  EXPECT_EQ(other.got, "");  // the second is known, but not the first
  connection->answer("ok 1\n");
  connection->write_answers(now_ms);
  EXPECT_EQ(other.got, "ok 1\nno longer than 3 bytes\n");
  connection->answer("ok 2\n");
  connection->write_answers(now_ms);
  EXPECT_TRUE(other.got.ends_with("ok 2\n"));
}

TEST_F(InConnectionTest, ReadsNothingWhileThereIsNoRoom) {
  make();
  room = 2;
  other.sent = {"1\n2\n3\n4\n", "5\n"};
  connection->advance(taking());
  EXPECT_EQ(bodies(), "1|2|");
  connection->advance(taking());
  EXPECT_EQ(other.sent.size(), 1);
  EXPECT_EQ(connection->events(), 0);
  room = 1000;
  advance();
  EXPECT_EQ(bodies(), "1|2|3|4|5|");
  EXPECT_NE(connection->events() & EPOLLIN, 0U);
}

TEST_F(InConnectionTest, IsReadNoFurtherWhileItsAnswersAreUnread) {
  make();
  other.takes = 0;
  const std::string frames = "x\nx\nx\nx\nx\nx\nx\nx\nx\nx\n";
  for (int i = 0; i < 100'000 && connection->has_more(); ++i) {
    other.sent = {frames};
    connection->advance(taking());
    while (!taken.empty()) {
      connection->answer("ok 01890a5d-ac96-774b-bcce-b302099a8057\n");
      taken.pop_back();
    }
    connection->write_answers(now_ms);
  }
  EXPECT_FALSE(connection->has_more());
  EXPECT_EQ(connection->events(), EPOLLOUT);
  other.takes = SIZE_MAX;
  connection->write_answers(now_ms);
  EXPECT_NE(connection->events() & EPOLLIN, 0U);
  EXPECT_LT(other.got.size(), 80'000);
}

TEST_F(InConnectionTest, TakesWhatCameBeforeTheEndAndAnswersIt) {
  make();
  other.sent = {"one\ntwo\n"};
  other.ended = true;
  advance();
  EXPECT_FALSE(connection->is_over());
  connection->answer("ok 1\n");
  connection->answer("ok 2\n");
  connection->write_answers(now_ms);
  EXPECT_EQ(other.got, "ok 1\nok 2\n");
  EXPECT_TRUE(other.saw_end && connection->is_over());
}

TEST_F(InConnectionTest, TakesAnUnfinishedLineOnlyWhereThatIsWanted) {
  for (const bool takes : {false, true}) {
    settings.takes_unended = takes;
    other = {};
    taken.clear();
    make();
    other.sent = {"one\nhalf"};
    other.ended = true;
    advance();
    EXPECT_EQ(bodies(), takes ? "one|half|" : "one|");
  }
  EXPECT_EQ(refused, std::vector<std::string>{"the connection ended inside a message"});
}

TEST_F(InConnectionTest, DeliversNothingOfAFrameWhoseConnectionBroke) {
  settings.takes_unended = true;
  make();
  other.sent = {"one\nhalf"};
  other.broke = true;
  advance();
  EXPECT_EQ(bodies(), "one|");
  EXPECT_TRUE(connection->is_over());
  EXPECT_EQ(refused.size(), 1);
}

TEST_F(InConnectionTest, AnswersAndLingersWhereAStreamIsBroken) {
  settings.frames.kind = FrameKind::kNetstring;
  make();
  other.sent = {"1:a,x:"};
  advance();
  connection->answer("ok 1\n");
  connection->write_answers(now_ms);
  EXPECT_EQ(other.got, "ok 1\nno a length and a colon are missing\n");
  EXPECT_TRUE(other.saw_end);
  EXPECT_FALSE(connection->is_over());
  EXPECT_LT(connection->deadline_boot_ms(), now_ms + 10'000);
  connection->expire(taking());
  EXPECT_TRUE(connection->is_over());
}

TEST_F(InConnectionTest, HasItsTimesAndNobodyPaysForOurs) {
  settings.idle_ms = 500;
  settings.frame_ms = 200;
  make();
  other.sent = {"one\n"};
  advance();
  EXPECT_EQ(connection->deadline_boot_ms(), INT64_MAX);  // it waits for our answer
  connection->answer("ok 1\n");
  connection->write_answers(now_ms);
  EXPECT_EQ(connection->deadline_boot_ms(), 1500);
  other.sent = {"tw"};
  now_ms = 1100;
  advance();
  EXPECT_EQ(connection->deadline_boot_ms(), 1300);
  now_ms = 1200;
  other.sent = {"o"};
  advance();
  EXPECT_EQ(connection->deadline_boot_ms(), 1300);  // a byte a second does not help
  connection->restart_times(1250);
  EXPECT_EQ(connection->deadline_boot_ms(), 1450);
  now_ms = 1450;
  connection->expire(taking());
  EXPECT_TRUE(other.got.ends_with("no the message took too long to come\n"));
}

TEST_F(InConnectionTest, IsTurnedAwayWhereThereIsNoMemory) {
  make();
  other.sent = {"one\nhalf of a long one"};
  advance();
  EXPECT_GT(connection->buffered_bytes(), 0);
  connection->refuse_for_memory(taking());
  EXPECT_EQ(connection->buffered_bytes(), 0);
  connection->answer("ok 1\n");
  connection->write_answers(now_ms);
  EXPECT_EQ(other.got, "ok 1\nagain no memory for more unfinished messages\n");
}

}  // namespace
}  // namespace spoolmq::adapters::test

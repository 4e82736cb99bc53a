// The connection of a socket-out: what counts as handed on, what answers mean, what breaks it.

#include "adapters/out_connection.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/adapters/fake_stream.h"

namespace spoolmq::adapters::test {
namespace {

class OutConnectionTest : public ::testing::Test {
 protected:
  void make(bool answers, FrameKind framing = FrameKind::kLine) {
    connection.emplace(std::make_unique<FakeStream>(other), OutConnection::Rules{framing, answers});
  }
  void put(const std::string& body) {
    ids.push_back(
        MessageId::parse("01890a5d-ac96-774b-bcce-b302099a80" + std::to_string(10 + ids.size()))
            .value());
    EXPECT_TRUE(connection->put(ids.back(), body));
  }
  // "0 ok", "1 no WHY", …
  std::vector<std::string> move() {
    std::vector<std::string> all;
    for (const OutConnection::Settled& one : connection->move()) {
      const auto place = std::ranges::find(ids, one.id) - ids.begin();
      std::string line = answer_line(one.answer.verdict, one.answer.text);
      line.pop_back();
      all.push_back(std::to_string(place) + " " + line);
    }
    return all;
  }

  OtherSide other;
  std::optional<OutConnection> connection;
  std::vector<MessageId> ids;
};

using Lines = std::vector<std::string>;

TEST_F(OutConnectionTest, CountsAMessageOnceItsLastByteWasTaken) {
  make(false);
  put("one");
  put("two");
  other.takes = 5;
  EXPECT_EQ(move(), Lines{"0 ok"});
  EXPECT_EQ(other.got, "one\nt");
  other.takes = 2;
  EXPECT_EQ(move(), Lines{});
  other.takes = 1;
  EXPECT_EQ(move(), Lines{"1 ok"});
  EXPECT_EQ(connection->under_way(), 0);
  EXPECT_TRUE(connection->take_progress());
  EXPECT_FALSE(connection->take_progress());
}

TEST_F(OutConnectionTest, CountsAMessageOnceItIsAnsweredInOrder) {
  make(true);
  for (const char* const body : {"a", "b", "c", "d", "e"}) put(body);
  EXPECT_EQ(move(), Lines{});
  EXPECT_EQ(other.got, "a\nb\nc\nd\ne\n");
  other.sent = {"ok some-id\r\nag", "ain later\nno such c", "ustomer\ndown\nstop it\n"};
  Lines all;
  while (all.size() < 5 && connection->failure().empty()) {
    for (const std::string& one : move()) all.push_back(one);
  }
  EXPECT_EQ(all,
            (Lines{"0 ok some-id", "1 again later", "2 no such customer", "3 down", "4 stop it"}));
}

TEST_F(OutConnectionTest, BreaksOffWhereTheProtocolIsBroken) {
  for (const char* const line : {"yes\n", "okay\n", "\n", "OK\n"}) {
    other = {};
    make(true);
    put("a");
    other.sent = {line};
    EXPECT_EQ(move(), Lines{});
    EXPECT_EQ(connection->failure(), "it sent a line that is no answer") << line;
  }
  other = {};
  make(true);
  other.sent = {"ok\n"};
  EXPECT_EQ(move(), Lines{});
  EXPECT_EQ(connection->failure(), "it answered what was not asked");
  other = {};
  make(true);
  put("a");
  other.sent = {std::string(10'000, 'x')};
  for (int i = 0; i < 3; ++i) move();
  other.sent = {"\n"};
  move();
  EXPECT_FALSE(connection->failure().empty());
}

TEST_F(OutConnectionTest, TakesTheAnswersThatCameBeforeTheEnd) {
  make(true);
  put("a");
  put("b");
  move();
  other.sent = {"no such"};
  other.sent.push_back(" luck\n");
  other.ended = true;
  Lines all;
  while (connection->failure().empty()) {
    for (const std::string& one : move()) all.push_back(one);
  }
  EXPECT_EQ(all, Lines{"0 no such luck"});
  EXPECT_EQ(connection->failure(), "the other side has ended");
  EXPECT_EQ(connection->under_way(), 1);
}

TEST_F(OutConnectionTest, TakesNoBodyThatHasNoFrame) {
  make(true);
  EXPECT_FALSE(connection->put({}, "a\nb"));
  EXPECT_EQ(connection->under_way(), 0);
  make(true, FrameKind::kNetstring);
  put("a\nb");
  move();
  EXPECT_EQ(other.got, "3:a\nb,");
}

TEST_F(OutConnectionTest, HasRoomOnlyWhileLittleWaits) {
  make(false);
  other.takes = 0;
  put(std::string(70'000, 'x'));
  move();
  EXPECT_FALSE(connection->has_room());
  other.takes = 10'000;
  move();
  EXPECT_TRUE(connection->has_room());
}

TEST_F(OutConnectionTest, ShutsItsSideOnceAllIsWritten) {
  make(true);
  put("a");
  other.takes = 1;
  move();
  EXPECT_FALSE(connection->finish());
  EXPECT_FALSE(other.saw_end);
  other.takes = 1;
  move();
  EXPECT_TRUE(connection->finish());
  EXPECT_TRUE(other.saw_end);
  EXPECT_EQ(connection->events() & POLLOUT, 0);
}

}  // namespace
}  // namespace spoolmq::adapters::test

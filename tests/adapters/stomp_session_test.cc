// What a session says, and what it asks of the queues.

#include "tests/adapters/stomp_session_rig.h"

namespace spoolmq::adapters::test {
namespace {

using Tokens = std::vector<std::uint64_t>;

// ---- The handshake

TEST_F(StompSessionTest, PicksTheHighestVersionInWhateverOrder) {
  take("CONNECT", {{"accept-version", "1.0, 1.2,1.1"}});
  EXPECT_EQ(*told().at(0).header("version"), "1.2");
}

TEST_F(StompSessionTest, TakesAConnectWithoutVersionsFor10) {
  take("CONNECT");
  EXPECT_EQ(*told().at(0).header("version"), "1.0");
}

TEST_F(StompSessionTest, RefusesVersionsThatItDoesNotKnow) {
  take("STOMP", {{"accept-version", "2.0"}});
  const std::vector<StompFrame> frames = told();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(*frames[0].header("version"), "1.0,1.1,1.2");
  EXPECT_TRUE(session.is_over());
}

TEST_F(StompSessionTest, AgreesOnHeartBeatsBothWays) {
  take("CONNECT", {{"heart-beat", "500,20"}});
  EXPECT_EQ(*told().at(0).header("heart-beat"), "100,500");
  EXPECT_EQ(session.handshake().heart_beat, (StompHeartBeat{100, 500}));
}

TEST_F(StompSessionTest, WantsAConnectFirst) {
  take("SEND", {{"destination", "q"}, {"receipt", "1"}});
  EXPECT_EQ(told_one(), "ERROR 1: the first frame must be CONNECT or STOMP");
}

// Whoever has not been told a version may unescape, or not.
TEST_F(StompSessionTest, WritesHeadersThatEveryVersionReadsAlikeBeforeOneIsAgreedOn) {
  take("CONNECT", {{"heart-beat", "soon"}, {"receipt", "a\\cb"}});
  const std::string_view bytes = output.unwritten();
  EXPECT_EQ(bytes.substr(0, bytes.find("content-type")),
            "ERROR\nmessage:heart-beat is two numbers of milliseconds; 10000,10000\n"
            "version:1.0,1.1,1.2\n");
  const std::vector<StompFrame> frames = told();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].body, "heart-beat is two numbers of milliseconds: 10000,10000\n");
}

TEST_F(StompSessionTest, NamesAReceiptBeforeAVersionIsAgreedOnWhereAllReadItAlike) {
  take("CONNECT", {{"accept-version", "9"}, {"receipt", "r-1"}});
  EXPECT_EQ(told_one(), "ERROR r-1: supported versions are 1.0, 1.1 and 1.2");
}

// ---- Receipts

TEST_F(StompSessionTest, TellsAReceiptOnceAllBeforeItIsDone) {
  connect();
  take("SEND", {{"destination", "a"}});
  take("SEND", {{"destination", "b"}, {"receipt", "two"}});
  session.settle(backend.sends.at(1).first.number, std::nullopt);
  EXPECT_TRUE(told().empty());
  session.settle(backend.sends.at(0).first.number, std::nullopt);
  EXPECT_EQ(told_one(), "RECEIPT two");
}

TEST_F(StompSessionTest, EndsWithAnErrorForASendThatNobodyAskedAReceiptOf) {
  connect();
  take("SEND", {{"destination", "a"}});
  session.settle(backend.sends.at(0).first.number, "a: no such queue");
  EXPECT_EQ(told_one(), "ERROR: a: no such queue");
  EXPECT_TRUE(session.is_over());
}

TEST_F(StompSessionTest, SaysTheReceiptOfADisconnectLast) {
  connect();
  take("SEND", {{"destination", "a"}, {"receipt", "1"}});
  take("DISCONNECT", {{"receipt", "2"}});
  EXPECT_TRUE(told().empty());
  EXPECT_FALSE(session.is_over());
  session.settle(backend.sends.at(0).first.number, std::nullopt);
  EXPECT_EQ(told().size(), 2U);
  EXPECT_TRUE(session.is_over());
}

TEST_F(StompSessionTest, TakesNoMoreThanItMayAwait) {
  limits.awaited_frames = 2;
  connect();
  take("SEND", {{"destination", "a"}});
  EXPECT_TRUE(session.may_take());
  take("SEND", {{"destination", "a"}});
  EXPECT_FALSE(session.may_take());
  session.settle(backend.sends.at(0).first.number, std::nullopt);
  EXPECT_TRUE(session.may_take());
}

// ---- Subscriptions

TEST_F(StompSessionTest, AcknowledgesWhatWasWrittenToAnAutoSubscription) {
  connect();
  const std::uint64_t number = subscribe({{"destination", "/queue/q"}, {"id", "0"}});
  deliver(number, 7);
  EXPECT_TRUE(backend.settled.empty());
  const std::vector<StompFrame> frames = told();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(*frames[0].header("subscription"), "0");
  EXPECT_EQ(frames[0].header("ack"), nullptr);
  EXPECT_EQ(settled(Verdict::kAck), (Tokens{7}));
}

TEST_F(StompSessionTest, GivesBackWhatWasNotWrittenToAnAutoSubscription) {
  connect();
  deliver(subscribe({{"destination", "q"}, {"id", "0"}}), 7);
  session.drop();
  EXPECT_EQ(settled(Verdict::kRelease), (Tokens{7}));
}

TEST_F(StompSessionTest, TakesAnAckOfClientForAllBeforeIt) {
  connect();
  const std::uint64_t number = subscribe({{"destination", "q"}, {"id", "0"}, {"ack", "client"}});
  for (std::uint8_t i = 1; i <= 4; ++i) deliver(number, i);
  EXPECT_EQ(*told().at(2).header("ack"), "3");
  take("ACK", {{"id", "3"}});
  EXPECT_EQ(settled(Verdict::kAck), (Tokens{1, 2, 3}));
  take("ACK", {{"id", "1"}, {"receipt", "again"}});
  EXPECT_TRUE(backend.settled.empty());
}

TEST_F(StompSessionTest, TakesAnAckOfClientIndividualForOne) {
  connect();
  const std::uint64_t number =
      subscribe({{"destination", "q"}, {"id", "0"}, {"ack", "client-individual"}});
  for (std::uint8_t i = 1; i <= 3; ++i) deliver(number, i);
  take("ACK", {{"id", "2"}});
  EXPECT_EQ(settled(Verdict::kAck), (Tokens{2}));
  take("NACK", {{"id", "1"}});
  EXPECT_EQ(settled(Verdict::kNack), (Tokens{1}));
  take("NACK", {{"id", "3"}, {"requeue", "False"}});
  EXPECT_EQ(settled(Verdict::kReject), (Tokens{3}));
}

TEST_F(StompSessionTest, FindsADeliveryByItsMessageIdInEveryVersion) {
  connect();
  const std::uint64_t one = subscribe({{"destination", "a"}, {"id", "0"}, {"ack", "client"}});
  const std::uint64_t two = subscribe({{"destination", "b"}, {"id", "1"}, {"ack", "client"}});
  deliver(one, 1);
  const std::string twice = deliver(one, 2);
  deliver(two, 2);
  take("ACK", {{"message-id", twice}, {"subscription", "1"}});
  EXPECT_EQ(settled(Verdict::kAck), (Tokens{2}));
  take("ACK", {{"message-id", twice}});
  EXPECT_EQ(settled(Verdict::kAck), (Tokens{1, 2}));
}

TEST_F(StompSessionTest, RefusesAnAckOfNothing) {
  connect();
  take("ACK", {{"id", "17"}, {"receipt", "r"}});
  EXPECT_EQ(told_one(), "ERROR r: ACK: no such delivery is waiting for it on this connection");
}

TEST_F(StompSessionTest, RefusesASecondSubscriptionOfOneId) {
  connect();
  subscribe({{"destination", "a"}, {"id", "0"}});
  take("SUBSCRIBE", {{"destination", "b"}, {"id", "0"}});
  EXPECT_EQ(told_one(), "ERROR: SUBSCRIBE, id: there is a subscription 0 already");
}

TEST_F(StompSessionTest, RefusesSelectors) {
  connect();
  take("SUBSCRIBE", {{"destination", "a"}, {"id", "0"}, {"selector", "x = 1"}});
  EXPECT_TRUE(told_one().starts_with("ERROR: SUBSCRIBE, selector: there are none here"));
}

TEST_F(StompSessionTest, HasRoomForAsManyAsWerePrefetched) {
  connect();
  const std::uint64_t number = subscribe(
      {{"destination", "q"}, {"id", "0"}, {"ack", "client"}, {"activemq.prefetchSize", "2"}});
  EXPECT_EQ(session.room(number), 2U);
  deliver(number, 1);
  deliver(number, 2);
  EXPECT_EQ(session.room(number), 0U);
  take("ACK", {{"id", "2"}});
  EXPECT_EQ(session.room(number), 2U);
}

TEST_F(StompSessionTest, GivesNothingMoreToASlowReader) {
  limits.unwritten_bytes = 10;
  connect();
  const std::uint64_t number = subscribe({{"destination", "q"}, {"id", "0"}});
  deliver(number, 1);
  EXPECT_EQ(session.room(number), 0U);
  told();
  EXPECT_GT(session.room(number), 0U);
}

TEST_F(StompSessionTest, GivesBackWhatIsNotAcknowledgedWhenItEnds) {
  connect();
  const std::uint64_t number = subscribe({{"destination", "q"}, {"id", "0"}, {"ack", "client"}});
  deliver(number, 1);
  deliver(number, 2);
  take("UNSUBSCRIBE", {{"id", "0"}});
  EXPECT_EQ(settled(Verdict::kRelease), (Tokens{1, 2}));
  EXPECT_EQ(session.room(number), 0U);
}

TEST_F(StompSessionTest, Knows10SubscriptionsByTheirDestination) {
  connect("1.0");
  subscribe({{"destination", "q"}});
  take("UNSUBSCRIBE", {{"destination", "q"}, {"receipt", "r"}});
  const std::vector<StompFrame> frames = told();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.back().command, "RECEIPT");
}

// ---- Transactions

TEST_F(StompSessionTest, KeepsWhatATransactionSaysUntilItsCommit) {
  connect();
  const std::uint64_t number = subscribe({{"destination", "q"}, {"id", "0"}, {"ack", "client"}});
  deliver(number, 1);
  told();
  take("BEGIN", {{"transaction", "t"}});
  take("SEND", {{"destination", "a"}, {"transaction", "t"}, {"receipt", "s"}}, "x");
  EXPECT_EQ(told_one(), "RECEIPT s");  // Net::Stomp waits for it
  take("ACK", {{"id", "1"}, {"transaction", "t"}});
  EXPECT_TRUE(backend.sends.empty());
  EXPECT_TRUE(backend.settled.empty());
  take("COMMIT", {{"transaction", "t"}, {"receipt", "c"}});
  ASSERT_EQ(backend.commits.size(), 1U);
  EXPECT_EQ(backend.commits[0].second.sends.size(), 1U);
  EXPECT_EQ(backend.commits[0].second.settled.size(), 1U);
  EXPECT_TRUE(told().empty());
  session.settle(backend.commits[0].first.number, std::nullopt);
  EXPECT_EQ(told_one(), "RECEIPT c");
}

TEST_F(StompSessionTest, WaitsForAnAckAgainAfterAnAbort) {
  connect();
  const std::uint64_t number = subscribe({{"destination", "q"}, {"id", "0"}, {"ack", "client"}});
  deliver(number, 1);
  deliver(number, 2);
  take("BEGIN", {{"transaction", "t"}});
  take("ACK", {{"id", "1"}, {"transaction", "t"}});
  take("ABORT", {{"transaction", "t"}});
  take("ACK", {{"id", "2"}});
  EXPECT_EQ(settled(Verdict::kAck), (Tokens{1, 2}));
}

TEST_F(StompSessionTest, RefusesUnknownAndRepeatedTransactions) {
  connect();
  take("BEGIN", {{"transaction", "t"}});
  take("BEGIN", {{"transaction", "t"}});
  EXPECT_EQ(told_one(), "ERROR: BEGIN: there is a transaction t already");
}

TEST_F(StompSessionTest, GivesBackWhatAnUnfinishedTransactionHad) {
  connect();
  deliver(subscribe({{"destination", "q"}, {"id", "0"}, {"ack", "client"}}), 1);
  take("BEGIN", {{"transaction", "t"}});
  take("ACK", {{"id", "1"}, {"transaction", "t"}});
  session.drop();
  EXPECT_EQ(settled(Verdict::kRelease), (Tokens{1}));
}

// ---- Mailboxes

TEST_F(StompSessionTest, HoldsARequestBackUntilItsMailboxIsThere) {
  connect();
  take("SEND", {{"destination", "requests"}, {"reply-to", "/temp-queue/mine"}, {"receipt", "r"}});
  EXPECT_TRUE(backend.sends.empty());
  EXPECT_FALSE(session.may_take());
  ASSERT_EQ(backend.opened.size(), 1U);
  const StompTicket ticket = backend.opened[0].first;
  session.settle(ticket.number, std::nullopt);
  ASSERT_EQ(backend.sends.size(), 1U);
  EXPECT_EQ(backend.sends[0].second.message.reply_to, backend.opened[0].second.queue);
  // Whoever did not subscribe is given the reply all the same.
  deliver(ticket.subscription, 1);
  EXPECT_EQ(*told().at(0).header("subscription"), "/temp-queue/mine");
  session.drop();
  EXPECT_EQ(backend.closed, (std::vector<std::string>{backend.opened[0].second.queue}));
}

}  // namespace
}  // namespace spoolmq::adapters::test

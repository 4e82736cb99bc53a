// What a consumer can do with a message it has on lease.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;

TEST(Receipt, SurvivesItsTextForm) {
  const Receipt receipt{some_id(7), 0x0123456789abcdefULL};
  EXPECT_EQ(receipt.text(), "01900000-0000-7000-8000-000000000007.0123456789abcdef");
  EXPECT_EQ(Receipt::parse(receipt.text()), receipt);
}

TEST(Receipt, RefusesWhatIsNotOne) {
  const std::string good = Receipt{some_id(7), 0x0123456789abcdefULL}.text();
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(Receipt::parse(good.substr(0, length))) << length;
  }
  EXPECT_FALSE(Receipt::parse(good + "0"));
  std::string bad = good;
  bad[36] = '-';
  EXPECT_FALSE(Receipt::parse(bad));
  bad = good;
  bad.back() = 'g';
  EXPECT_FALSE(Receipt::parse(bad));
}

TEST(Ids, SortInTheOrderOfTheirMaking) {
  StoreWorld world;
  std::vector<MessageId> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(world.queue().send(text("x")));
  world.clock().step_wall(-1h);
  ids.push_back(world.queue().send(text("the clock went back")));
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
}

TEST(Ids, SortAlsoAfterTheNextOpenerMetAnEarlierClock) {
  StoreWorld world;
  const MessageId before = world.queue().send(text("x"));
  const std::uint8_t shard = before.shard();
  world.reopen();
  world.clock().step_wall(-1h);
  const MessageId after = world.queue().send(text("y"));
  EXPECT_EQ(after.shard(), shard);  // the same slot
}

TEST(Delivery, CarriesEverythingThatWasSent) {
  StoreWorld world;
  Message sent = text(std::string("\0\xff body", 7));
  sent.headers = {{"a", "1"}, {"a", "2"}, {"ключ", "值\x01"}};
  sent.priority = 9;
  sent.correlation_id = "c";
  sent.reply_to = "back";
  sent.order_key = "k";
  sent.from = {7, 8, "someone"};
  const MessageId id = world.queue().send(sent);
  const auto delivery = world.queue().receive();
  ASSERT_TRUE(delivery);
  sent.id = id;
  sent.sent_at_ms = world.clock().wall_ms();
  EXPECT_EQ(delivery->message(), sent);
  EXPECT_EQ(delivery->receipt().id, id);
}

TEST(Delivery, SaysWhoSentItWhenTheSenderDidNot) {
  StoreWorld world;
  OpenOptions options = StoreWorld::no_thread();
  options.name = "billing";
  Queue sender = world.open("q", options);
  sender.send(text("x"));
  const auto delivery = world.queue().receive();
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->message().from.name, "billing");
  EXPECT_EQ(delivery->message().from.pid, static_cast<std::uint32_t>(::getpid()));
}

TEST(Delivery, IsGoneOnceAcknowledged) {
  StoreWorld world;
  world.queue().send(text("x"));
  world.queue().receive()->ack();
  EXPECT_FALSE(world.queue().receive());
  EXPECT_EQ(total(world.queue()), 0);
}

TEST(Delivery, ReleasesItsMessageWhenDropped) {
  StoreWorld world;
  world.queue().send(text("x"));
  { const auto dropped = world.queue().receive(); }
  const auto again = world.queue().receive();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->counters().deliveries, 2);
  EXPECT_EQ(again->counters().failures, 0);
}

TEST(Delivery, ReleasesTheOneThatIsMovedOver) {
  StoreWorld world;
  world.queue().send(text("first"));
  world.queue().send(text("second"));
  auto held = world.queue().receive();
  held = world.queue().receive();
  ASSERT_TRUE(held);
  EXPECT_EQ(held->message().body, "second");
  EXPECT_EQ(take(world.queue()), "first");
}

TEST(Delivery, KeepsItsLeaseWhenDetached) {
  StoreWorld world;
  world.queue().send(text("x"));
  const Receipt receipt = world.queue().receive()->detach();
  EXPECT_FALSE(world.queue().receive());
  EXPECT_EQ(world.queue().ack(std::span(&receipt, 1)).front(), LeaseOutcome::kDone);
  EXPECT_EQ(total(world.queue()), 0);
}

TEST(Delivery, RefusesASecondVerdict) {
  StoreWorld world;
  world.queue().send(text("x"));
  auto delivery = world.queue().receive();
  ASSERT_TRUE(delivery);
  delivery->release();
  EXPECT_EQ(refusal([&] { delivery->ack(); }), ErrorCode::kUsage);
  EXPECT_EQ(refusal([&] { delivery->nack(); }), ErrorCode::kUsage);
  EXPECT_EQ(refusal([&] { delivery->reject(); }), ErrorCode::kUsage);
  EXPECT_EQ(refusal([&] { delivery->extend(1s); }), ErrorCode::kUsage);
  EXPECT_EQ(refusal([&] { static_cast<void>(delivery->open_body()); }), ErrorCode::kUsage);
  EXPECT_EQ(count(world.queue(), State::kReady), 1);
}

TEST(Delivery, CanBeAcknowledgedByAnotherHandle) {
  StoreWorld world;
  world.queue().send(text("x"));
  const Receipt receipt = world.queue().receive()->detach();
  Queue other = world.open();
  EXPECT_EQ(other.ack(std::span(&receipt, 1)).front(), LeaseOutcome::kDone);
  EXPECT_EQ(total(world.queue()), 0);
}

TEST(Delivery, GoesDeadWhenRejected) {
  StoreWorld world;
  const MessageId id = world.queue().send(text("x"));
  world.queue().receive()->reject("not for us");
  const auto status = world.queue().status(id);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->state, State::kDead);
  EXPECT_EQ(status->reason, "rejected: not for us");
  EXPECT_EQ(status->counters.failures, 1);
  EXPECT_FALSE(world.queue().receive());
}

TEST(Ack, RepeatsForASecondAndIsLostAfterwards) {
  StoreWorld world;
  world.queue().send(text("x"));
  const Receipt receipt = world.queue().receive()->detach();
  const std::span<const Receipt> one(&receipt, 1);
  EXPECT_EQ(world.queue().ack(one).front(), LeaseOutcome::kDone);
  EXPECT_EQ(world.queue().ack(one).front(), LeaseOutcome::kRepeated);
  world.clock().advance(999ms);
  world.queue().maintain();
  EXPECT_EQ(world.queue().ack(one).front(), LeaseOutcome::kRepeated);
  world.clock().advance(2ms);
  world.queue().maintain();
  EXPECT_EQ(world.queue().ack(one).front(), LeaseOutcome::kLost);
}

// Whoever acknowledged it first may have been killed before his sync.
TEST(Ack, OfWhatAnotherHasAcknowledgedIsDurableToo) {
  StoreWorld world;
  world.queue().send(text("x"));
  const Receipt receipt = world.queue().receive()->detach();
  Queue other = world.open();
  EXPECT_EQ(world.queue().ack(std::span(&receipt, 1)).front(), LeaseOutcome::kDone);
  world.disk().clear_trace();
  EXPECT_EQ(other.ack(std::span(&receipt, 1)).front(), LeaseOutcome::kRepeated);
  EXPECT_TRUE(std::ranges::any_of(world.disk().trace(), [](const std::string& line) {
    return line.starts_with("sync ") && line.ends_with("-wal");
  }));
}

TEST(Ack, RefusesAReceiptOfAnEarlierLease) {
  StoreWorld world;
  world.queue().send(text("x"));
  const Receipt old = world.queue().receive()->detach();
  EXPECT_EQ(world.queue().release(std::span(&old, 1)).front(), LeaseOutcome::kDone);
  auto now = world.queue().receive();
  ASSERT_TRUE(now);
  const std::span<const Receipt> stale(&old, 1);
  EXPECT_EQ(world.queue().ack(stale).front(), LeaseOutcome::kLost);
  EXPECT_EQ(world.queue().nack(stale).front(), LeaseOutcome::kLost);
  EXPECT_EQ(world.queue().release(stale).front(), LeaseOutcome::kLost);
  EXPECT_EQ(world.queue().extend(stale).front(), LeaseOutcome::kLost);
  EXPECT_EQ(world.queue().reject(stale).front(), LeaseOutcome::kLost);
  now->ack();  // the running lease is untouched
}

TEST(Ack, RefusesWhatNobodyEverReceived) {
  StoreWorld world;
  const MessageId id = world.queue().send(text("x"));
  for (const Receipt& made_up : {Receipt{id, 0}, Receipt{id, 1}, Receipt{some_id(1), 1}}) {
    EXPECT_EQ(world.queue().ack(std::span(&made_up, 1)).front(), LeaseOutcome::kLost);
  }
  EXPECT_EQ(count(world.queue(), State::kReady), 1);
}

// Bodies "0", "1" and "2".
std::vector<Delivery> receive_three_sent(StoreWorld& world) {
  for (int i = 0; i < 3; ++i) world.queue().send(text(std::to_string(i)));
  ReceiveOptions three;
  three.max = 3;
  return world.queue().receive_batch(three);
}

TEST(Ack, AnswersInTheOrderOfTheReceipts) {
  StoreWorld world;
  std::vector<Receipt> receipts;
  for (Delivery& one : receive_three_sent(world)) receipts.push_back(one.detach());
  ASSERT_EQ(receipts.size(), 3U);
  EXPECT_EQ(world.queue().ack(std::span(receipts).subspan(1, 1)).front(), LeaseOutcome::kDone);
  receipts[2].token ^= 2;
  EXPECT_EQ(world.queue().ack(receipts),
            (std::vector{LeaseOutcome::kDone, LeaseOutcome::kRepeated, LeaseOutcome::kLost}));
}

// What the second of them finds is what the first one left.
TEST(Ack, OfTheSameReceiptTwiceInOneCallIsOne) {
  StoreWorld world;
  std::vector<Receipt> receipts;
  for (Delivery& one : receive_three_sent(world)) receipts.push_back(one.detach());
  ASSERT_EQ(receipts.size(), 3U);
  const std::vector<Receipt> twice{receipts[1], receipts[0], receipts[1]};
  EXPECT_EQ(world.queue().ack(twice),
            (std::vector{LeaseOutcome::kDone, LeaseOutcome::kDone, LeaseOutcome::kRepeated}));
  EXPECT_EQ(world.queue().stats().totals.acked, 2);
  const std::vector<Receipt> released{receipts[2], receipts[2]};
  EXPECT_EQ(world.queue().release(released),
            (std::vector{LeaseOutcome::kDone, LeaseOutcome::kLost}));
  EXPECT_EQ(drain(world.queue()), std::vector<std::string>{"2"});
}

TEST(Ack, OfABatchSaysHowManyLeasesHadEnded) {
  StoreWorld world;
  std::vector<Delivery> deliveries = receive_three_sent(world);
  ASSERT_EQ(deliveries.size(), 3U);
  const Receipt second = deliveries[1].receipt();
  ASSERT_EQ(world.queue().release(std::span(&second, 1)).front(), LeaseOutcome::kDone);
  EXPECT_EQ(refusal([&] { world.queue().ack_batch(deliveries); }), ErrorCode::kLeaseLost);
  EXPECT_EQ(drain(world.queue()), std::vector<std::string>{"1"});
}

// ---- Acknowledged with the receipt of the next

std::int64_t syncs_of_the_log(StoreWorld& world) {
  return std::ranges::count_if(world.disk().trace(), [](const std::string& line) {
    return line.find("sync") != std::string::npos && line.find("-wal") != std::string::npos;
  });
}

TEST(AckAndReceive, IsOneSyncAndTheAckIsDurable) {
  StoreWorld world;
  world.queue().send_batch({text("a"), text("b"), text("c")});
  std::vector<Delivery> got = world.queue().receive_batch({});
  world.disk().clear_trace();
  got = world.queue().ack_and_receive(got, {});
  EXPECT_EQ(syncs_of_the_log(world), 1);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(body_of(got[0]), "b");
  static_cast<void>(got[0].detach());
  world.power_cut(1s);
  EXPECT_EQ(drain(world.queue()), (std::vector<std::string>{"b", "c"}));
}

TEST(AckAndReceive, OfATimedLeaseIsOneSyncToo) {
  StoreWorld world;
  world.queue().send_batch({text("a"), text("b")});
  ReceiveOptions timed;
  timed.kind = LeaseKind::kTimed;
  std::vector<Delivery> got = world.queue().receive_batch(timed);
  world.disk().clear_trace();
  got = world.queue().ack_and_receive(got, timed);
  EXPECT_EQ(syncs_of_the_log(world), 1);
  const Receipt receipt = got.at(0).detach();
  world.power_cut(1s);
  EXPECT_EQ(world.queue().ack({&receipt, 1}).at(0), LeaseOutcome::kDone);
  EXPECT_EQ(drain(world.queue()), std::vector<std::string>{});
}

TEST(AckAndReceive, OfALostLeaseReceivesNothing) {
  StoreWorld world;
  world.queue().send_batch({text("a"), text("b"), text("c")});
  std::vector<Delivery> done;
  ReceiveOptions brief;
  brief.lease = Milliseconds{1000};
  done.push_back(std::move(world.queue().receive_batch(brief).at(0)));
  done.push_back(std::move(world.queue().receive_batch({}).at(0)));
  world.clock().advance(2s);
  EXPECT_EQ(refusal([&] { world.queue().ack_and_receive(done, {}); }), ErrorCode::kLeaseLost);
  EXPECT_EQ(world.queue().status(done[1].receipt().id), std::nullopt);
  EXPECT_EQ(world.queue().next_ready(1).at(0).counters.deliveries, 0);
  world.clock().advance(1h);
  EXPECT_EQ(drain(world.queue()), (std::vector<std::string>{"a", "c"}));
}

TEST(AckAndReceive, TakesTheNextOfTheSameOrderKey) {
  StoreWorld world;
  world.queue().send_batch({keyed("a1", "a"), keyed("a2", "a")});
  std::vector<Delivery> got = world.queue().receive_batch({});
  got = world.queue().ack_and_receive(got, {});
  EXPECT_EQ(body_of(got.at(0)), "a2");
}

TEST(AckAndReceive, OfAPausedQueueIsAcknowledged) {
  StoreWorld world;
  world.queue().send_batch({text("a"), text("b")});
  std::vector<Delivery> got = world.queue().receive_batch({});
  const Receipt receipt = got.at(0).receipt();
  world.queue().pause(Pause{true, false, 0, "", ""});
  EXPECT_EQ(refusal([&] { world.queue().ack_and_receive(got, {}); }), ErrorCode::kTryAgain);
  EXPECT_EQ(world.queue().ack({&receipt, 1}).at(0), LeaseOutcome::kRepeated);
  EXPECT_EQ(count(world.queue(), State::kReady), 1);
}

TEST(AckAndReceive, OfNothingReceives) {
  StoreWorld world;
  world.queue().send(text("a"));
  EXPECT_EQ(world.queue().ack_and_receive({}, {}).size(), 1U);
}

TEST(Receive, TakesOnlyTheNamedSendersMessages) {
  StoreWorld world;
  for (const char* name : {"a", "b", "a"}) {
    Message message = text(name);
    message.from = {1, 1, name};
    world.queue().send(message);
  }
  ReceiveOptions from_a;
  from_a.from = "a";
  from_a.max = 10;
  EXPECT_EQ(world.queue().receive_batch(from_a).size(), 2U);
  from_a.from = "nobody";
  EXPECT_TRUE(world.queue().receive_batch(from_a).empty());
}

TEST(Queue, RefusesEveryCallOnceClosed) {
  StoreWorld world;
  Queue queue = world.open();
  queue.close();
  EXPECT_EQ(refusal([&] { queue.send(text("x")); }), ErrorCode::kUsage);
  EXPECT_EQ(refusal([&] { static_cast<void>(queue.receive()); }), ErrorCode::kUsage);
  EXPECT_EQ(refusal([&] { queue.stats(); }), ErrorCode::kUsage);
  EXPECT_EQ(refusal([&] { queue.maintain(); }), ErrorCode::kUsage);
  queue.close();  // again is fine
}

}  // namespace
}  // namespace spoolmq::test

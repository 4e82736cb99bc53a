// Acknowledgements ahead of the index: of one of several messages that were taken together, or that
// one handle takes one after the other.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <thread>

#include "core/names.h"
#include "store/ack_log.h"
#include "store/sync_meter.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Bodies = std::vector<std::string>;

class EarlyAck : public ::testing::Test {
 protected:
  Queue& queue() { return world_.queue(); }
  void send(std::size_t count) {
    std::vector<Message> messages;
    for (std::size_t i = 0; i < count; ++i) messages.push_back(text(std::to_string(i)));
    queue().send_batch(std::move(messages));
  }
  std::vector<Delivery> take(std::size_t count) { return take_from(queue(), count); }
  static std::vector<Delivery> take_from(Queue& queue, std::size_t count) {
    ReceiveOptions options;
    options.max = count;
    std::vector<Delivery> taken = queue.receive_batch(options);
    EXPECT_EQ(taken.size(), count);
    return taken;
  }
  // Those of the handle in slot 0, whether the index has them or not.
  std::size_t entries() {
    const auto file = world_.queue_dir()->open(names::acks_file(0), Access::kRead);
    return file ? AckLog::read_all(*file).size() : 0;
  }
  int syncs_of(std::string_view end) {
    const std::vector<std::string> trace = world_.disk().trace();
    return static_cast<int>(std::ranges::count_if(trace, [&](const std::string& one) {
      return one.starts_with("sync ") && one.ends_with(end);
    }));
  }
  void expect_settled(std::int64_t live) {
    EXPECT_EQ(count(queue(), State::kLeased) + count(queue(), State::kReady), live);
  }

  StoreWorld world_;
};

TEST_F(EarlyAck, IsOneSyncOfItsOwnFile) {
  send(4);
  std::vector<Delivery> taken = take(4);
  taken[0].ack();  // which makes the file
  world_.disk().clear_trace();
  taken[1].ack();
  EXPECT_EQ(syncs_of("/acks-0000"), 1);
  EXPECT_EQ(syncs_of("-wal"), 0);
  taken[2].ack();
  EXPECT_EQ(syncs_of("-wal"), 0);
  EXPECT_EQ(entries(), 3U);
  taken[3].ack();
  EXPECT_EQ(syncs_of("/acks-0000"), 3);
  EXPECT_EQ(syncs_of("-wal"), 0);
  EXPECT_EQ(total(queue()), 0);
}

// ---- By ones

class EarlyAckByOnes : public EarlyAck {
 protected:
  static constexpr int kBefore = 16;  // so many are acknowledged in the index
  void take_alone(int count) {
    for (int i = 0; i < count; ++i) queue().receive()->ack();
  }
};

TEST_F(EarlyAckByOnes, IsOneSyncOfItsOwnFileAfterAWhile) {
  send(kBefore + 10);
  world_.disk().clear_trace();
  take_alone(kBefore);
  EXPECT_EQ(syncs_of("-wal"), kBefore);
  EXPECT_EQ(entries(), 0U) << "a handle of a few messages needs no file";
  take_alone(1);  // which makes it
  world_.disk().clear_trace();
  take_alone(9);
  EXPECT_EQ(syncs_of("-wal"), 0);
  EXPECT_EQ(syncs_of("/acks-0000"), 9);
  EXPECT_EQ(total(queue()), 0);
}

TEST_F(EarlyAckByOnes, SurvivesAPowerCut) {
  send(kBefore + 5);
  take_alone(kBefore + 3);
  world_.power_cut(1s, Bytes::kLost);
  EXPECT_EQ(drain(queue()), (Bodies{std::to_string(kBefore + 3), std::to_string(kBefore + 4)}));
}

// Claims leave some of them to later ones.
TEST_F(EarlyAckByOnes, IsInTheIndexBeforeItsLeaseEndsThere) {
  send(kBefore + 6);
  take_alone(kBefore + 5);
  world_.clock().advance(1h);
  EXPECT_EQ(drain(queue()), Bodies{std::to_string(kBefore + 5)});
  EXPECT_EQ(queue().stats().totals.failures, 0);
}

TEST_F(EarlyAckByOnes, IsSeenByEveryoneAtOnce) {
  send(kBefore + 6);
  take_alone(kBefore + 5);
  Queue other = world_.open();
  EXPECT_EQ(count(other, State::kLeased), 0);
  EXPECT_EQ(other.stats().totals.acked, kBefore + 5);
  EXPECT_EQ(queue().stats().totals.acked, kBefore + 5);
}

TEST_F(EarlyAckByOnes, IsNotOfAnOrderKey) {
  std::vector<Message> messages;
  for (int i = 0; i < kBefore + 3; ++i) messages.push_back(keyed(std::to_string(i), "key"));
  queue().send_batch(std::move(messages));
  take_alone(kBefore + 2);
  EXPECT_EQ(entries(), 0U);
  EXPECT_EQ(drain(queue()), Bodies{std::to_string(kBefore + 2)});
}

TEST_F(EarlyAckByOnes, OfMoreThanTheFileHoldsSurvivesAPowerCut) {
  constexpr int kMany = 2 * static_cast<int>(AckLog::kEntries) + 100;
  send(kMany + 1);
  world_.disk().clear_trace();
  take_alone(kMany);
  EXPECT_LT(syncs_of("-wal"), kMany / 20) << "but for checkpoints";
  world_.power_cut(1s, Bytes::kLost);
  EXPECT_EQ(drain(queue()), Bodies{std::to_string(kMany)});
}

// Its thread claims the next one while the acknowledgement is synced.
class EarlyAckAndNext : public ::testing::Test {
 protected:
  static OpenOptions with_thread() {
    OpenOptions options;
    options.clock = std::make_shared<SystemClock>();
    return options;
  }
  void send(int count) {
    std::vector<Message> messages;
    for (int i = 0; i < count; ++i) messages.push_back(text(std::to_string(i)));
    queue_.send_batch(std::move(messages));
  }
  void expect_next(int number, const ReceiveOptions& options = {}) {
    taken_ = queue_.ack_and_receive(taken_, options);
    ASSERT_EQ(taken_.size(), 1U);
    ASSERT_EQ(body_of(taken_[0]), std::to_string(number));
  }

  StoreWorld world_{Settings{}, On::kDisk};
  Queue queue_ = world_.open("q", with_thread());
  std::vector<Delivery> taken_;
};

TEST_F(EarlyAckAndNext, GoesOnUntilNothingIsLeft) {
  constexpr int kMany = AckLog::kEntries + 50;
  send(kMany);
  for (int i = 0; i < kMany; ++i) expect_next(i);
  EXPECT_TRUE(world_.queue_dir()->status(names::acks_file(0)));
  EXPECT_EQ(queue_.ack_and_receive(taken_, {}).size(), 0U);
  EXPECT_EQ(total(queue_), 0);
  EXPECT_EQ(queue_.stats().totals.acked, kMany);
}

TEST_F(EarlyAckAndNext, WaitsBehindTheAcknowledgement) {
  send(40);
  for (int i = 0; i < 40; ++i) expect_next(i);
  Queue other = world_.open("q", with_thread());
  const std::jthread sends([&] {
    EXPECT_TRUE(eventually([&] { return total(other) == 0; })) << "acknowledged before it waits";
    other.send(text("40"));
  });
  ReceiveOptions wait;
  wait.wait = 20s;
  expect_next(40, wait);
}

// What was claimed beside it goes back as if it had not been.
TEST_F(EarlyAckAndNext, OfALostLeaseReceivesNothing) {
  send(40);
  for (int i = 0; i < 30; ++i) expect_next(i);
  Queue other = world_.open("q", with_thread());
  const Receipt receipt = taken_[0].receipt();
  EXPECT_EQ(other.nack({&receipt, 1}, {}, 1h).at(0), LeaseOutcome::kDone);
  EXPECT_EQ(refusal([&] { queue_.ack_and_receive(taken_, {}); }), ErrorCode::kLeaseLost);
  EXPECT_EQ(count(other, State::kLeased), 0);
  for (const MessageStatus& one : other.next_ready(10)) EXPECT_EQ(one.counters.deliveries, 0);
  EXPECT_EQ(count(other, State::kReady), 10);
}

TEST_F(EarlyAckAndNext, OfSeveralThreadsIsOneEach) {
  constexpr int kThreads = 4;
  constexpr int kMany = 400;
  send(kMany);
  std::mutex mutex;
  std::multiset<std::string> got;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        std::vector<Delivery> mine;
        do {
          mine = queue_.ack_and_receive(mine, {});
          const std::lock_guard guard(mutex);
          for (const Delivery& one : mine) got.insert(one.message().body);
        } while (!mine.empty());
      });
    }
  }
  EXPECT_EQ(got.size(), static_cast<std::size_t>(kMany));
  EXPECT_EQ(std::set<std::string>(got.begin(), got.end()).size(), got.size());
  EXPECT_EQ(total(queue_), 0);
}

// ---- Taken together

TEST_F(EarlyAck, IsSeenByEveryoneAtOnce) {
  send(4);
  Queue other = world_.open();
  std::vector<Delivery> taken = take(4);
  taken[0].ack();
  taken[2].ack();
  EXPECT_EQ(count(other, State::kLeased), 2);
  EXPECT_EQ(other.stats().totals.acked, 2);
  EXPECT_EQ(count(queue(), State::kLeased), 2);
  EXPECT_EQ(queue().stats().totals.acked, 2);
}

TEST_F(EarlyAck, OfTheSameReceiptTwiceIsRepeated) {
  send(3);
  std::vector<Delivery> taken = take(3);
  const Receipt receipt = taken[0].receipt();
  taken[0].ack();
  EXPECT_EQ(queue().ack({&receipt, 1}).at(0), LeaseOutcome::kRepeated);
  EXPECT_EQ(queue().nack({&receipt, 1}).at(0), LeaseOutcome::kRepeated);
  expect_settled(2);
}

TEST_F(EarlyAck, SurvivesANewBoot) {
  send(3);
  std::vector<Delivery> taken = take(3);
  taken[1].ack();
  for (Delivery& one : taken) static_cast<void>(one.detach());
  world_.power_cut(1s);
  EXPECT_EQ(drain(queue()), (Bodies{"0", "2"}));
  EXPECT_FALSE(world_.queue_dir()->status(names::acks_file(0))) << "its work is done";
}

TEST(EarlyAckOfTheLastTry, SurvivesANewBoot) {
  Settings settings;
  settings.max_failures = 1;
  StoreWorld world(settings);
  world.queue().send_batch({text("a"), text("b")});
  ReceiveOptions both;
  both.max = 2;
  std::vector<Delivery> taken = world.queue().receive_batch(both);
  taken[0].ack();
  static_cast<void>(taken[1].detach());
  world.power_cut(1s);
  EXPECT_EQ(total(world.queue()), 1);
  EXPECT_EQ(count(world.queue(), State::kDead), 1) << "the other one";
}

// Its entry goes with its handle; what a later index knows of it must stand somewhere else by then.
TEST_F(EarlyAck, IsKnownToTheIndexAfterTheNext) {
  send(3);
  std::vector<Delivery> taken = take(3);
  taken[0].ack();
  for (Delivery& one : taken) static_cast<void>(one.detach());
  world_.queue_dir()->unlink(names::index_file(1));
  {
    Queue other = world_.open();
    EXPECT_EQ(total(other), 2);
    other.maintain();
  }
  world_.reopen();
  world_.queue_dir()->unlink(names::index_file(2));
  EXPECT_EQ(drain(queue()), (Bodies{"1", "2"}));
}

TEST_F(EarlyAck, IsNotForADeliveryThatFailedAndAMessageThatCameBack) {
  send(1);
  Delivery delivery = std::move(take(1)[0]);
  const MessageId id = delivery.message().id;
  const auto status = queue().status(id);
  const std::string file = std::filesystem::path(status->file).stem();
  QueueDir dir(std::shared_ptr<Dir>(world_.queue_dir()), Settings{});
  SyncMeter syncs(world_.clock());
  AckLog log(dir, syncs);  // of somebody who was told that it was not to be known, and died
  log.create(7);
  const AckLog::Entry entry{delivery.receipt(), *MessageId::parse(file), status->offset, 1};
  log.write(0, {&entry, 1});
  delivery.reject("no");
  queue().requeue({&id, 1});
  world_.power_cut(1s);
  EXPECT_EQ(drain(queue()), Bodies{"0"});
}

// The index has the first claim for good, and loses that it was given back, and the second.
TEST_F(EarlyAck, OfWhatWasGivenBackBeforeSurvivesAPowerCut) {
  send(5);
  for (Delivery& one : take(2)) one.ack();  // which makes the file, and syncs the log
  ReceiveOptions ahead;
  ahead.prefetch = 2;
  std::optional<Delivery> first = queue().receive(ahead);
  queue().reject({&first->receipt(), 1});  // synced, with what is leased ahead
  static_cast<void>(first->detach());
  world_.clock().advance(20s);  // so that it is not handed out any more
  std::optional<Delivery> again = queue().receive(ahead);
  ASSERT_EQ(body_of(*again), "3");
  EXPECT_EQ(again->counters().deliveries, 1);
  again->ack();
  world_.power_cut(1s, Bytes::kLost);
  EXPECT_EQ(drain(queue()), Bodies{"4"});
}

TEST_F(EarlyAck, IsKnownToANewIndex) {
  send(3);
  std::vector<Delivery> taken = take(3);
  taken[0].ack();
  world_.queue_dir()->unlink(names::index_file(1));
  Queue other = world_.open();
  EXPECT_EQ(drain(other), (Bodies{"1", "2"}));
}

// Whoever goes on with a lease of before is told that it is lost, and what is back is delivered.
TEST_F(EarlyAck, BehindANewIndexIsLost) {
  send(3);
  std::vector<Delivery> taken = take(3);
  world_.queue_dir()->unlink(names::index_file(1));
  Queue other = world_.open();
  EXPECT_EQ(count(other, State::kReady), 3);
  EXPECT_EQ(refusal([&] { taken[0].ack(); }), ErrorCode::kLeaseLost);
  EXPECT_EQ(entries(), 0U);
  EXPECT_EQ(drain(other), (Bodies{"0", "1", "2"}));
}

TEST_F(EarlyAck, AfterItsDeadlineIsRefusedEvenIfNobodyTookOver) {
  send(3);
  std::vector<Delivery> taken = take(3);
  world_.clock().advance(30s);
  EXPECT_EQ(refusal([&] { taken[0].ack(); }), ErrorCode::kLeaseLost);
  EXPECT_EQ(entries(), 0U);
}

TEST_F(EarlyAck, OfARevokedLeaseIsRefused) {
  send(3);
  Queue operators = world_.open();
  std::vector<Delivery> taken = take(3);
  const MessageId id = taken[0].message().id;
  EXPECT_EQ(operators.revoke({&id, 1}).changed.size(), 1U);
  EXPECT_EQ(refusal([&] { taken[0].ack(); }), ErrorCode::kLeaseLost);
  taken[1].ack();  // which nobody has touched
  EXPECT_EQ(body_of(*operators.receive()), "0");
  expect_settled(2);
}

TEST_F(EarlyAck, OfALeaseThatAnotherEndedIsRefused) {
  send(3);
  Queue other = world_.open();
  std::vector<Delivery> taken = take(3);
  const Receipt receipt = taken[0].receipt();
  EXPECT_EQ(other.nack({&receipt, 1}, {}, 0ms).at(0), LeaseOutcome::kDone);
  EXPECT_EQ(refusal([&] { taken[0].ack(); }), ErrorCode::kLeaseLost);
  for (Delivery& one : taken) static_cast<void>(one.detach());
  world_.power_cut(1s);
  EXPECT_EQ(drain(queue()), (Bodies{"0", "1", "2"}));
}

TEST_F(EarlyAck, BeforeAnotherEndsTheLeaseIsSeenByHim) {
  send(3);
  Queue other = world_.open();
  std::vector<Delivery> taken = take(3);
  const Receipt receipt = taken[0].receipt();
  taken[0].ack();
  EXPECT_EQ(other.nack({&receipt, 1}).at(0), LeaseOutcome::kRepeated);
  EXPECT_EQ(other.revoke({&receipt.id, 1}).missing.size(), 1U);
  expect_settled(2);
}

TEST_F(EarlyAck, IsNotForAMessageThatComesAgainUnderTheSameId) {
  Message named = text("first");
  named.id = some_id(1);
  queue().send(named);
  send(2);
  std::vector<Delivery> taken = take(3);
  taken[0].ack();
  queue().maintain();  // the row goes, the entry stays
  world_.clock().advance(8 * 24h);
  queue().maintain();
  for (Delivery& one : taken) static_cast<void>(one.detach());
  named.body = "second";
  EXPECT_FALSE(queue().send_checked(named).duplicate);
  world_.power_cut(1s);
  const Bodies left = drain(queue());
  EXPECT_EQ(std::ranges::count(left, "second"), 1) << "an entry spoke of the first one";
}

TEST_F(EarlyAck, OfMoreThanTheFileHoldsGoesByTheIndex) {
  constexpr std::size_t kMany = AckLog::kEntries + 500;
  send(kMany);
  std::vector<Delivery> taken = take(kMany);
  for (std::size_t i = 0; i + 1 < kMany; ++i) taken[i].ack();
  static_cast<void>(taken.back().detach());
  world_.power_cut(1s);
  EXPECT_EQ(drain(queue()), Bodies{std::to_string(kMany - 1)});
}

TEST_F(EarlyAck, GoesRoundTheFileManyTimes) {
  constexpr std::size_t kBatch = 100;
  for (int round = 0; round < 30; ++round) {
    send(kBatch);
    for (Delivery& one : take(kBatch)) one.ack();
    EXPECT_EQ(total(queue()), 0) << round;
  }
  Queue other = world_.open();
  send(3);
  std::vector<Delivery> taken = take(3);
  taken[0].ack();
  EXPECT_EQ(count(other, State::kLeased), 2);
  EXPECT_EQ(entries(), AckLog::kEntries);
}

TEST_F(EarlyAck, LeavesNoFileBehindAClosedHandle) {
  send(3);
  std::vector<Delivery> taken = take(3);
  taken[0].ack();
  EXPECT_EQ(entries(), 1U);
  for (Delivery& one : taken) static_cast<void>(one.detach());
  world_.reopen();
  EXPECT_EQ(drain(queue()), (Bodies{"1", "2"}));
  EXPECT_FALSE(world_.queue_dir()->status(names::acks_file(0)));
}

TEST_F(EarlyAck, WithTheReceiptOfTheNext) {
  send(5);
  std::vector<Delivery> taken = take(3);
  taken[0].ack();
  world_.disk().clear_trace();
  std::vector<Delivery> next = queue().ack_and_receive({&taken[1], 1}, {});
  EXPECT_EQ(syncs_of("/acks-0000"), 1);
  EXPECT_EQ(syncs_of("-wal"), 0);
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(body_of(next[0]), "3");
  expect_settled(3);
}

TEST_F(EarlyAck, FromSeveralThreadsSharesItsSyncs) {
  constexpr std::size_t kEach = 50;
  send(4 * kEach);
  std::vector<Delivery> taken = take(4 * kEach);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (std::size_t i = 0; i < kEach; ++i) taken[t * kEach + i].ack();
      });
    }
    std::jthread looks([&] {
      for (int i = 0; i < 20; ++i) static_cast<void>(queue().stats());
    });
  }
  EXPECT_EQ(total(queue()), 0);
  EXPECT_EQ(queue().stats().totals.acked, static_cast<std::int64_t>(4 * kEach));
}

// Each of two threads ends every lease; one of them wins, and both hear the same.
TEST_F(EarlyAck, AndARejectOfTheSameLeaseAreNotBothBelieved) {
  constexpr std::size_t kMany = 200;
  send(kMany);
  std::vector<Receipt> receipts;
  for (Delivery& one : take(kMany)) receipts.push_back(one.detach());
  std::vector<LeaseOutcome> acked(kMany);
  std::vector<LeaseOutcome> rejected(kMany);
  {
    const std::jthread acks([&] {
      for (std::size_t i = 0; i < kMany; ++i) acked[i] = queue().ack({&receipts[i], 1}).at(0);
    });
    const std::jthread rejects([&] {
      for (std::size_t i = 0; i < kMany; ++i) rejected[i] = queue().reject({&receipts[i], 1}).at(0);
    });
  }
  std::int64_t dead = 0;
  for (std::size_t i = 0; i < kMany; ++i) {
    const bool was_rejected = rejected[i] == LeaseOutcome::kDone;
    dead += was_rejected ? 1 : 0;
    EXPECT_EQ(acked[i] == LeaseOutcome::kLost, was_rejected) << i;
  }
  EXPECT_EQ(count(queue(), State::kDead), dead);
  EXPECT_EQ(total(queue()), dead);
}

// ---- What happens while the entry is written and not durable yet

class HookedClock final : public Clock {
 public:
  explicit HookedClock(const Clock& clock) : clock_(clock) {}
  [[nodiscard]] std::int64_t wall_ms() const override { return clock_.wall_ms(); }
  [[nodiscard]] std::int64_t boot_ms() const override { return clock_.boot_ms(); }
  [[nodiscard]] std::string boot_id() const override { return clock_.boot_id(); }
  // Asked in front of each sync.
  [[nodiscard]] std::int64_t boot_us() const override {
    if (const auto act = std::exchange(meanwhile, {})) act();
    return clock_.boot_us();
  }
  mutable std::function<void()> meanwhile;

 private:
  const Clock& clock_;
};

class LateEarlyAck : public EarlyAck {
 protected:
  LateEarlyAck() {
    send(4);
    world_.reopen();
    receipts_ = receipts_of(take_from(receiver_, 4));
    EXPECT_EQ(ack(0), LeaseOutcome::kDone);  // which makes the file
  }
  static std::vector<Receipt> receipts_of(std::vector<Delivery> deliveries) {
    std::vector<Receipt> receipts;
    for (Delivery& one : deliveries) receipts.push_back(one.detach());
    return receipts;
  }
  LeaseOutcome ack(std::size_t number) { return receiver_.ack({&receipts_[number], 1}).at(0); }
  LeaseOutcome ack_while(std::size_t number, const std::function<void()>& act) {
    clock_->meanwhile = act;
    const LeaseOutcome outcome = ack(number);
    EXPECT_FALSE(clock_->meanwhile) << "it was not early";
    return outcome;
  }
  // By whoever comes after a power cut.
  Bodies left() {
    world_.power_cut(1s);
    Bodies bodies = drain(queue());
    std::ranges::sort(bodies);
    return bodies;
  }

  std::shared_ptr<HookedClock> clock_ = std::make_shared<HookedClock>(world_.clock());
  Queue receiver_ = [this] {
    OpenOptions options = StoreWorld::no_thread();
    options.clock = clock_;
    return world_.open("q", options);
  }();
  Queue other_ = world_.open();
  std::vector<Receipt> receipts_;
};

TEST_F(LateEarlyAck, IsLostWhereItsLeaseEndedMeanwhile) {
  EXPECT_EQ(ack_while(1,
                      [&] {
                        world_.clock().advance(30s);
                        other_.receive()->release();
                      }),
            LeaseOutcome::kLost);
  EXPECT_EQ(left(), (Bodies{"1", "2", "3"}));
}

TEST_F(LateEarlyAck, StandsWhereItsTimeEndedAndNobodyNoticed) {
  EXPECT_EQ(ack_while(1, [&] { world_.clock().advance(30s); }), LeaseOutcome::kDone);
  EXPECT_EQ(left(), (Bodies{"2", "3"}));
}

TEST_F(LateEarlyAck, IsLostWhereAnOperatorRevokedItsLeaseMeanwhile) {
  EXPECT_EQ(ack_while(1,
                      [&] {
                        EXPECT_EQ(other_.revoke({&receipts_[1].id, 1}).changed.size(), 1U);
                      }),
            LeaseOutcome::kLost);
  EXPECT_EQ(left(), (Bodies{"1", "2", "3"}));
}

TEST_F(LateEarlyAck, IsLostWhereAnotherReleasedItMeanwhile) {
  EXPECT_EQ(ack_while(1,
                      [&] {
                        EXPECT_EQ(other_.release({&receipts_[1], 1}).at(0), LeaseOutcome::kDone);
                      }),
            LeaseOutcome::kLost);
  EXPECT_EQ(left(), (Bodies{"1", "2", "3"}));
}

// Which knows no deliveries any more, by which others tell that its entry is of one that ended.
TEST_F(LateEarlyAck, ThatIsLostIsNotFoundByANewIndex) {
  EXPECT_EQ(ack_while(1, [&] { other_.release({&receipts_[1], 1}); }), LeaseOutcome::kLost);
  world_.queue_dir()->unlink(names::index_file(1));
  EXPECT_EQ(count(other_, State::kReady), 3);
}

TEST_F(LateEarlyAck, StandsWhereAnotherLeaseEndedMeanwhile) {
  EXPECT_EQ(ack_while(1,
                      [&] {
                        EXPECT_EQ(other_.release({&receipts_[2], 1}).at(0), LeaseOutcome::kDone);
                      }),
            LeaseOutcome::kDone);
  EXPECT_EQ(left(), (Bodies{"2", "3"}));
}

// A new index may have read the entry or not: what is told is what it says.
TEST_F(LateEarlyAck, StandsInAnIndexThatWasMadeAnewMeanwhile) {
  EXPECT_EQ(ack_while(1,
                      [&] {
                        world_.queue_dir()->unlink(names::index_file(1));
                        EXPECT_EQ(count(other_, State::kReady), 2);
                      }),
            LeaseOutcome::kDone);
  EXPECT_EQ(left(), (Bodies{"2", "3"}));
}

// ---- Where others wait for more than the message's end

TEST(NoEarlyAck, WhereItMakesRoom) {
  Settings settings;
  settings.capacity = 3;
  StoreWorld world(settings);
  world.queue().send_batch({text("a"), text("b"), text("c")});
  ReceiveOptions three;
  three.max = 3;
  std::vector<Delivery> taken = world.queue().receive_batch(three);
  taken[0].ack();
  EXPECT_FALSE(world.queue_dir()->status(names::acks_file(0)));
  world.open().send(text("d"));
}

TEST(NoEarlyAck, OfAnOrderKeyOrAnXmlFileOrForTheArchive) {
  Settings archives;
  archives.archive = 1h;
  Settings xml;
  xml.format = Format::kXml;
  for (const Settings& settings : {Settings(), archives, xml}) {
    StoreWorld world(settings);
    const bool keys = settings == Settings();
    for (const char* const body : {"a", "b", "c"}) {
      world.queue().send(keys ? keyed(body, body) : text(body));
    }
    ReceiveOptions three;
    three.max = 3;
    std::vector<Delivery> taken = world.queue().receive_batch(three);
    ASSERT_EQ(taken.size(), 3U);
    taken[0].ack();
    EXPECT_FALSE(world.queue_dir()->status(names::acks_file(0)));
    EXPECT_EQ(count(world.queue(), State::kArchived), settings.archive.count() > 0 ? 1 : 0);
  }
}

// ---- The file

TEST(AckLog, ReadsWhatItWroteAcrossItsEnd) {
  StoreWorld world;
  QueueDir dir(std::shared_ptr<Dir>(world.queue_dir()), Settings{});
  SyncMeter syncs(world.clock());
  AckLog log(dir, syncs);
  log.create(9);
  std::vector<AckLog::Entry> written;
  for (int i = 0; i < 10; ++i) {
    const auto number = static_cast<std::uint64_t>(i);
    written.push_back({{some_id(i), number + 7}, some_id(i + 50), number * 100, 1});
  }
  const std::uint64_t first = 3 * AckLog::kEntries - 4;
  log.write(first, written);
  EXPECT_EQ(AckLog::read(*world.queue_dir(), 9, first, 10), written);
  EXPECT_EQ(AckLog::read(*world.queue_dir(), 8, first, 10).size(), 0U);
  log.wipe(first + 5);
  written.erase(written.begin() + 5);
  EXPECT_EQ(AckLog::read(*world.queue_dir(), 9, first, 10), written);
  log.remove();
  EXPECT_EQ(AckLog::read(*world.queue_dir(), 9, first, 10).size(), 0U);
}

TEST(AckLog, BelievesNoEntryWithATurnedByte) {
  StoreWorld world;
  QueueDir dir(std::shared_ptr<Dir>(world.queue_dir()), Settings{});
  SyncMeter syncs(world.clock());
  AckLog log(dir, syncs);
  log.create(0);
  const AckLog::Entry entry{{some_id(1), 77}, some_id(2), 4096, 1};
  log.write(0, {&entry, 1});
  const auto file = world.queue_dir()->open(names::acks_file(0), Access::kReadWrite);
  EXPECT_EQ(AckLog::read_all(*file), std::vector{entry});
  for (std::uint64_t at = 0; at < AckLog::kEntryBytes; ++at) {
    std::byte byte[1];
    file->read_at(byte, at);
    const std::byte turned = byte[0] ^ std::byte{1};
    file->write_at({&turned, 1}, at);
    EXPECT_TRUE(AckLog::read_all(*file).empty()) << at;
    file->write_at(byte, at);
  }
  EXPECT_EQ(AckLog::read_all(*file), std::vector{entry});
}

}  // namespace
}  // namespace spoolmq::test

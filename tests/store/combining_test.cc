// Requests that the holder of byte 0 carries out for those who wait, with whole queues. The holder
// is the test, until it lets go: then one of those who wait is next, and does the others' work.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <thread>

#include "core/file_system.h"
#include "store/doorbell.h"
#include "store/handle_table.h"
#include "store/layout.h"
#include "store/request_board.h"
#include "store/writer_lock.h"
#include "tests/store/killed_batch.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using Bodies = std::vector<std::string>;

class Combining : public ::testing::Test {
 protected:
  explicit Combining(const Settings& settings = {}) : world_(settings, On::kDisk) {}
  void SetUp() override {
    // Whoever has never looked at the handles does so first, and asks nobody.
    for (Queue& one : queues_) EXPECT_TRUE(one.receive_batch({}).empty());
    for (const char* body : {"1", "2", "3", "4"}) world_.queue().send(text(body));
  }

  // Byte 0, as another process has it.
  void hold() {
    holder_ = dir_->open("lock", Access::kReadWrite);
    ASSERT_TRUE(holder_->try_lock(layout::kByteIndexWriter, 1, LockKind::kExclusive));
  }
  void let_go() { holder_.reset(); }
  bool wait_for_posts(std::size_t wanted) {
    return eventually([&] {
      RequestBoard board(bell_.spare_bytes());
      return RequestBoard::Batch(board).take().size() == wanted;
    });
  }
  // act(0) … act(number - 1) at once, all of which have to wait for byte 0, where the test runs
  // `meanwhile` when all of them wait.
  void together(
      std::size_t number, const std::function<void(std::size_t)>& act,
      const std::function<void()>& meanwhile = [] {}) {
    hold();
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < number; ++i) threads.emplace_back([&, i] { act(i); });
    EXPECT_TRUE(wait_for_posts(number));
    meanwhile();
    let_go();
    for (std::thread& one : threads) one.join();
  }

  layout::LockHeader header() {
    RequestBoard none;
    return WriterLock(dir_->open("lock", Access::kReadWrite), world_.clock(), "q", Milliseconds{0},
                      none)
        .peek();
  }
  // What a holder of byte 0 does who is killed behind his commit, before he has told anybody.
  void serve_and_die(const std::function<void(Index&, const RequestBoard::Request&, Now)>& act) {
    RequestBoard board(bell_.spare_bytes());
    RequestBoard::Batch& batch = killed_batch(board);
    Index index(dir_);
    index.open(header().generation, header().transaction);
    const Now now{world_.clock().wall_ms(), world_.clock().boot_ms()};
    index.begin(now.wall_ms);
    for (const RequestBoard::Batch::Taken& one : batch.take()) act(index, one.request, now);
    index.prepare_commit();
    index.commit();
  }

  StoreWorld world_;
  std::array<Queue, 3> queues_{world_.open(), world_.open(), world_.open()};
  std::shared_ptr<Dir> dir_ = world_.queue_dir();
  Doorbell bell_{SharedMemory(dir_->status(), dir_->path(), Settings{}.mode), true};
  std::unique_ptr<File> holder_;
};

struct Claimed {
  std::string body;
  Receipt receipt;
  std::int64_t deliveries = 0;
};
Claimed claim(Queue& queue) {
  std::vector<Delivery> got = queue.receive_batch({});
  if (got.empty()) return {"(none)", {}, 0};
  return {body_of(got[0]), got[0].detach(), got[0].counters().deliveries};
}
LeaseOutcome ack(Queue& queue, const Receipt& receipt) { return queue.ack({&receipt, 1}).at(0); }

// For serve_and_die.
void claim_one(Index& index, const RequestBoard::Request& request, Now now) {
  LeaseRequest lease;
  lease.holder = request.incarnation;
  lease.length_ms = 30'000;
  lease.token = request.claim_token();
  EXPECT_EQ(index.claim(lease, now).size(), 1U);
}

TEST_F(Combining, ClaimsOfAllAreOneTransaction) {
  std::array<Claimed, 3> got;
  const std::uint64_t before = header().transaction;
  together(3, [&](std::size_t i) { got[i] = claim(queues_[i]); });
  EXPECT_EQ(header().transaction, before + 1);
  std::set<std::string> bodies;
  for (const Claimed& one : got) {
    bodies.insert(one.body);
    EXPECT_EQ(one.deliveries, 1);
  }
  EXPECT_EQ(bodies, (std::set<std::string>{"1", "2", "3"}));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(ack(queues_[i], got[i].receipt), LeaseOutcome::kDone);
  }
  EXPECT_EQ(drain(world_.queue()), Bodies{"4"});
}

TEST_F(Combining, AcksOfAllAreOneTransaction) {
  std::array<Claimed, 3> got;
  for (std::size_t i = 0; i < 3; ++i) got[i] = claim(queues_[i]);
  const std::uint64_t before = header().transaction;
  together(3,
           [&](std::size_t i) { EXPECT_EQ(ack(queues_[i], got[i].receipt), LeaseOutcome::kDone); });
  EXPECT_EQ(header().transaction, before + 1);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(ack(queues_[i], got[i].receipt), LeaseOutcome::kRepeated);
  }
  EXPECT_EQ(drain(world_.queue()), Bodies{"4"});
}

// An acknowledgement, and the claim of the next, are one request.
TEST_F(Combining, WhatIsAcknowledgedWithTheReceiptOfTheNextIsOneTransaction) {
  for (const char* body : {"5", "6"}) world_.queue().send(text(body));
  std::array<std::vector<Delivery>, 3> got;
  for (std::size_t i = 0; i < 3; ++i) got[i] = queues_[i].receive_batch({});
  const std::array<Receipt, 3> done{got[0].at(0).receipt(), got[1].at(0).receipt(),
                                    got[2].at(0).receipt()};
  const std::uint64_t before = header().transaction;
  together(3, [&](std::size_t i) { got[i] = queues_[i].ack_and_receive(got[i], {}); });
  EXPECT_EQ(header().transaction, before + 1);
  std::set<std::string> bodies;
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(got[i].size(), 1U);
    bodies.insert(body_of(got[i][0]));
    EXPECT_EQ(got[i][0].counters().deliveries, 1);
    EXPECT_EQ(ack(queues_[i], done[i]), LeaseOutcome::kRepeated);
    got[i][0].ack();
  }
  EXPECT_EQ(bodies, (std::set<std::string>{"4", "5", "6"}));
  EXPECT_EQ(drain(world_.queue()), Bodies{});
}

TEST_F(Combining, WithNothingReadyItIsAcknowledgedAllTheSame) {
  std::array<std::vector<Delivery>, 2> got{queues_[0].receive_batch({}),
                                           queues_[1].receive_batch({})};
  const std::array<Receipt, 2> done{got[0].at(0).receipt(), got[1].at(0).receipt()};
  drain(world_.queue());
  together(2, [&](std::size_t i) { got[i] = queues_[i].ack_and_receive(got[i], {}); });
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(got[i].empty());
    EXPECT_EQ(ack(queues_[i], done[i]), LeaseOutcome::kRepeated);
  }
}

TEST_F(Combining, WhoseLeaseIsLostIsGivenNoOther) {
  std::array<std::vector<Delivery>, 2> got{queues_[0].receive_batch({}),
                                           queues_[1].receive_batch({})};
  const std::array<Receipt, 2> lost{got[0].at(0).receipt(), got[1].at(0).receipt()};
  EXPECT_EQ(world_.queue().release(lost),
            (std::vector<LeaseOutcome>{LeaseOutcome::kDone, LeaseOutcome::kDone}));
  std::array<std::optional<ErrorCode>, 2> refused;
  together(2, [&](std::size_t i) {
    refused[i] = refusal([&] { queues_[i].ack_and_receive(got[i], {}); });
  });
  EXPECT_EQ(refused[0], ErrorCode::kLeaseLost);
  EXPECT_EQ(refused[1], ErrorCode::kLeaseLost);
  for (const MessageStatus& one : world_.queue().next_ready(4)) {
    EXPECT_EQ(one.counters.deliveries, one.id == lost[0].id || one.id == lost[1].id ? 1 : 0);
  }
  EXPECT_EQ(drain(world_.queue()), (Bodies{"1", "2", "3", "4"}));
}

// The end of its handle ends it, and no other's.
TEST_F(Combining, AClaimIsThatOfWhoeverAskedForIt) {
  std::array<std::optional<Queue>, 2> owners{std::move(queues_[0]), std::move(queues_[1])};
  std::array<Claimed, 2> got;
  together(2, [&](std::size_t i) { got[i] = claim(*owners[i]); });
  owners[0].reset();
  EXPECT_EQ(world_.queue().status(got[0].receipt.id)->state, State::kReady);
  EXPECT_EQ(world_.queue().status(got[1].receipt.id)->state, State::kLeased);
  EXPECT_EQ(world_.queue().load(got[1].receipt.id)->body, got[1].body);
}

TEST_F(Combining, AStaleReceiptIsLostWhoeverLooksAtIt) {
  std::array<Receipt, 2> receipts{claim(queues_[0]).receipt, claim(queues_[1]).receipt};
  receipts[1].token += 2;
  std::array<LeaseOutcome, 2> outcomes{};
  together(2, [&](std::size_t i) { outcomes[i] = ack(queues_[i], receipts[i]); });
  EXPECT_EQ(outcomes[0], LeaseOutcome::kDone);
  EXPECT_EQ(outcomes[1], LeaseOutcome::kLost);
}

TEST_F(Combining, WithNothingReadyEachFindsNothing) {
  drain(world_.queue());
  std::array<Claimed, 2> got;
  together(2, [&](std::size_t i) { got[i] = claim(queues_[i]); });
  EXPECT_EQ(got[0].body, "(none)");
  EXPECT_EQ(got[1].body, "(none)");
}

TEST_F(Combining, APausedQueueGivesNothing) {
  world_.queue().pause(Pause{true, false, 0, "", ""});
  std::array<std::optional<ErrorCode>, 2> refused;
  together(2, [&](std::size_t i) { refused[i] = refusal([&] { claim(queues_[i]); }); });
  EXPECT_EQ(refused[0], ErrorCode::kTryAgain);
  EXPECT_EQ(refused[1], ErrorCode::kTryAgain);
  EXPECT_EQ(count(world_.queue(), State::kLeased), 0);
}

// Whoever carries out the claim: now and then it is who acknowledges.
TEST_F(Combining, WhatHasNoRowYetIsNotPassedOver) {
  constexpr int kRounds = 8;
  for (int i = 0; i < kRounds; ++i) world_.queue().send(text("to be acknowledged"));
  Queue sender = world_.open();
  sender.send(text("in a file of its own"));
  Message urgent = text("urgent");
  urgent.priority = 9;
  for (int i = 0; i < kRounds; ++i) {
    const Receipt receipt = claim(queues_[0]).receipt;
    Claimed got;
    hold();
    std::thread claims([&] { got = claim(queues_[1]); });
    EXPECT_TRUE(wait_for_posts(1));
    sender.send(urgent);
    let_go();
    // Whoever waits sleeps still: this one finds byte 0 free, and the request on the board.
    EXPECT_EQ(ack(queues_[0], receipt), LeaseOutcome::kDone);
    claims.join();
    EXPECT_EQ(got.body, "urgent") << "round " << i;
  }
}

TEST_F(Combining, AnOrderKeyGoesOnWhoeverAcknowledges) {
  world_.queue().send(keyed("a1", "a"));
  world_.queue().send(keyed("a2", "a"));
  ReceiveOptions five;
  five.max = 5;
  std::vector<Delivery> got = queues_[0].receive_batch(five);
  ASSERT_EQ(got.size(), 5U);
  ASSERT_EQ(body_of(got[4]), "a1");
  std::vector<Receipt> receipts;
  for (Delivery& one : got) receipts.push_back(one.detach());
  together(2, [&](std::size_t i) {  // whoever took them would not need byte 0
    EXPECT_EQ(ack(queues_[1 + i], receipts[3 + i]), LeaseOutcome::kDone);
  });
  EXPECT_EQ(take(world_.queue()), "a2");
}

// Rows that the sender owes are inserted once, though a claim wants to see them, too.
TEST_F(Combining, ASenderThatOwesRowsClaimsForAnother) {
  OpenOptions impatient = StoreWorld::no_thread();
  impatient.lock_wait = Milliseconds{20};
  Queue sender = world_.open("q", impatient);
  hold();
  sender.send(text("5"));
  let_go();
  const std::uint64_t asking =
      HandleTable(dir_->open("handles", Access::kReadWrite)).read_one(0).incarnation;
  RequestBoard board(bell_.spare_bytes());
  RequestBoard::Post post(board, {RequestBoard::Kind::kClaim, 0, asking, 99, {}, 0});
  ASSERT_FALSE(post.wait(std::chrono::microseconds{0}));
  sender.send(text("6"));
  ASSERT_TRUE(post.end());
  EXPECT_EQ(world_.queue().load(post.answer().id)->body, "1");
  EXPECT_EQ(world_.queue().status(post.answer().id)->state, State::kLeased);
  EXPECT_EQ(drain(world_.queue()), (Bodies{"2", "3", "4", "5", "6"}));
}

TEST_F(Combining, NothingIsClaimedForADeadHandle) {
  RequestBoard board(bell_.spare_bytes());
  RequestBoard::Post dead(board, {RequestBoard::Kind::kClaim, 0, 12345, 99, {}, 0});
  ASSERT_FALSE(dead.wait(std::chrono::microseconds{0}));
  EXPECT_EQ(take(world_.queue()), "1");
  EXPECT_FALSE(dead.end());
  EXPECT_FALSE(dead.is_unknown());
  EXPECT_EQ(count(world_.queue(), State::kLeased), 0);
}

TEST_F(Combining, AClaimWhoseMakerWasKilledIsReceivedAllTheSame) {
  Claimed got;
  together(
      1, [&](std::size_t) { got = claim(queues_[0]); }, [&] { serve_and_die(claim_one); });
  EXPECT_EQ(got.body, "1");
  EXPECT_EQ(got.deliveries, 1);
  EXPECT_EQ(ack(queues_[0], got.receipt), LeaseOutcome::kDone);
  EXPECT_EQ(drain(world_.queue()), (Bodies{"2", "3", "4"}));
}

TEST_F(Combining, AClaimWhoseMakerWasKilledBeforeItIsMadeOnce) {
  Claimed got;
  together(
      1, [&](std::size_t) { got = claim(queues_[0]); },
      [&] { serve_and_die([](Index&, const RequestBoard::Request&, Now) {}); });
  EXPECT_EQ(got.body, "1");
  EXPECT_EQ(got.deliveries, 1);
  EXPECT_EQ(count(world_.queue(), State::kLeased), 1);
}

TEST_F(Combining, AnAckWhoseMakerWasKilledIsKnown) {
  const Receipt receipt = claim(queues_[0]).receipt;
  LeaseOutcome outcome{};
  together(
      1, [&](std::size_t) { outcome = ack(queues_[0], receipt); },
      [&] {
        serve_and_die([](Index& index, const RequestBoard::Request& request, Now now) {
          Index::Found found = index.find_lease({request.id, request.token}, now);
          ASSERT_TRUE(found.row);
          index.ack_leased({&*found.row, 1}, now, 0);
        });
      });
  EXPECT_EQ(outcome, LeaseOutcome::kRepeated);
  EXPECT_EQ(drain(world_.queue()), (Bodies{"2", "3", "4"}));
}

TEST_F(Combining, WhatIsAcknowledgedWithTheReceiptOfTheNextIsBothWhoeverIsKilled) {
  std::vector<Delivery> got = queues_[0].receive_batch({});
  const Receipt done = got.at(0).receipt();
  together(
      1, [&](std::size_t) { got = queues_[0].ack_and_receive(got, {}); },
      [&] {
        serve_and_die([](Index& index, const RequestBoard::Request& request, Now now) {
          Index::Found found = index.find_lease({request.id, request.token}, now);
          ASSERT_TRUE(found.row);
          index.ack_leased({&*found.row, 1}, now, 0);
          claim_one(index, request, now);
        });
      });
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(body_of(got[0]), "2");
  EXPECT_EQ(got[0].counters().deliveries, 1);
  EXPECT_EQ(count(world_.queue(), State::kLeased), 1);
  EXPECT_EQ(ack(queues_[0], done), LeaseOutcome::kRepeated);
  got[0].ack();
  EXPECT_EQ(drain(world_.queue()), (Bodies{"3", "4"}));
}

// Somebody is at it, and does not come to an end.
TEST_F(Combining, AnAckThatMayStillComeIsOfUnknownOutcome) {
  OpenOptions impatient = StoreWorld::no_thread();
  impatient.lock_wait = Milliseconds{300};
  Queue asking = world_.open("q", impatient);
  const Receipt receipt = claim(asking).receipt;
  std::optional<ErrorCode> refused;
  hold();
  std::thread asks([&] { refused = refusal([&] { ack(asking, receipt); }); });
  EXPECT_TRUE(wait_for_posts(1));
  RequestBoard board(bell_.spare_bytes());
  RequestBoard::Batch batch(board);
  EXPECT_EQ(batch.take().size(), 1U);
  asks.join();
  let_go();
  EXPECT_EQ(refused, ErrorCode::kIo);
}

TEST_F(Combining, AClaimThatMayStillComeIsNotLost) {
  OpenOptions impatient = StoreWorld::no_thread();
  impatient.lock_wait = Milliseconds{300};
  Queue asking = world_.open("q", impatient);
  asking.receive_batch({});
  std::optional<ErrorCode> refused;
  hold();
  std::thread asks([&] { refused = refusal([&] { claim(asking); }); });
  EXPECT_TRUE(wait_for_posts(1));
  serve_and_die(claim_one);
  asks.join();
  let_go();
  EXPECT_EQ(refused, ErrorCode::kTryAgain);
  ReceiveOptions timed;
  timed.kind = LeaseKind::kTimed;
  EXPECT_EQ(body_of(asking.receive_batch(timed).at(0)), "2");  // that one's lease is bound
  const Claimed got = claim(asking);
  EXPECT_EQ(got.body, "1");
  EXPECT_EQ(got.deliveries, 2);  // with the one that was only a look
}

class CombiningReadByAGroup : public Combining {
 protected:
  CombiningReadByAGroup() : Combining(read_by_a_group()) {}
  static Settings read_by_a_group() {
    Settings settings;
    settings.mode = 0640;
    return settings;
  }
};

// Its members may write the page, and nothing else.
TEST_F(CombiningReadByAGroup, NothingIsLeftOnThePage) {
  OpenOptions impatient = StoreWorld::no_thread();
  impatient.lock_wait = Milliseconds{100};
  Queue asking = world_.open("q", impatient);
  asking.receive_batch({});
  hold();
  EXPECT_EQ(refusal([&] { claim(asking); }), ErrorCode::kTryAgain);
  let_go();
  EXPECT_TRUE(
      std::ranges::all_of(bell_.spare_bytes(), [](std::byte one) { return one == std::byte{0}; }));
}

class CombiningWithHistory : public Combining {
 protected:
  CombiningWithHistory() : Combining(with_history()) {}
  static Settings with_history() {
    Settings settings;
    settings.history = HistoryLevel::kAll;
    return settings;
  }
};

TEST_F(CombiningWithHistory, EveryAckIsTold) {
  const std::array<Receipt, 2> receipts{claim(queues_[0]).receipt, claim(queues_[1]).receipt};
  together(2, [&](std::size_t i) { EXPECT_EQ(ack(queues_[i], receipts[i]), LeaseOutcome::kDone); });
  for (const Receipt& one : receipts) {
    const std::vector<std::string> told = world_.queue().trace(one.id);
    EXPECT_TRUE(std::ranges::any_of(
        told, [](const std::string& line) { return line.find("acked") != std::string::npos; }));
  }
}

}  // namespace
}  // namespace spoolmq::test

// The page on which processes leave each other requests: its states, and what it makes of bytes
// that nobody of ours has written.
#include "store/request_board.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include "tests/store/killed_batch.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Kind = RequestBoard::Kind;
using Request = RequestBoard::Request;

class Board : public ::testing::Test {
 protected:
  RequestBoard another() { return RequestBoard(std::as_writable_bytes(std::span(words_))); }
  // What a post's first wait does.
  static void put_up(RequestBoard::Post& post) { ASSERT_FALSE(post.wait(0us)); }

  alignas(64) std::array<std::uint64_t, RequestBoard::kBytes / 8> words_{};
  RequestBoard asking_ = another();
  RequestBoard holding_ = another();
  const Request claim_{Kind::kClaim, 3, 77, 99, {}, 5000};
};

TEST_F(Board, CarriesARequestThereAndItsAnswerBack) {
  RequestBoard::Post post(asking_, {Kind::kAcknowledge, 3, 77, 99, some_id(1), 0});
  put_up(post);
  RequestBoard::Batch batch(holding_);
  const auto taken = batch.take();
  ASSERT_EQ(taken.size(), 1U);
  const Request& request = taken[0].request;
  EXPECT_EQ(request.kind, Kind::kAcknowledge);
  EXPECT_EQ(request.slot, 3U);
  EXPECT_EQ(request.incarnation, 77U);
  EXPECT_EQ(request.token, 99U);
  EXPECT_EQ(request.id, some_id(1));

  RequestBoard::Answer answer;
  answer.outcome = LeaseOutcome::kRepeated;
  answer.id = some_id(2);
  answer.counters = {3, 4, 5};
  answer.flags = 6;
  answer.at = {some_id(7), names::SpoolKind::kXml, 8, 9};
  taken[0].answer = answer;
  batch.tell(1234);
  ASSERT_TRUE(post.wait(0us));
  EXPECT_FALSE(post.is_unknown());
  EXPECT_EQ(post.answer().generation, 1234U);
  EXPECT_EQ(post.answer().outcome, LeaseOutcome::kRepeated);
  EXPECT_EQ(post.answer().id, some_id(2));
  EXPECT_EQ(post.answer().counters.deliveries, 3);
  EXPECT_EQ(post.answer().counters.failures, 4);
  EXPECT_EQ(post.answer().counters.redrives, 5);
  EXPECT_EQ(post.answer().flags, 6U);
  EXPECT_EQ(post.answer().at.file, some_id(7));
  EXPECT_EQ(post.answer().at.kind, names::SpoolKind::kXml);
  EXPECT_EQ(post.answer().at.offset, 8U);
  EXPECT_EQ(post.answer().at.length, 9U);
}

TEST_F(Board, WakesWhomItAnswers) {
  std::atomic<bool> posted = false;
  bool answered = false;
  std::thread asks([&] {
    RequestBoard::Post post(asking_, claim_);
    put_up(post);
    posted = true;
    while (!(answered = post.wait(0us))) {
    }
  });
  while (!posted) std::this_thread::yield();
  RequestBoard::Batch batch(holding_);
  batch.take()[0].answer.emplace();
  batch.tell(1);
  holding_.wake();
  asks.join();
  EXPECT_TRUE(answered);
}

TEST_F(Board, ADeclinedRequestIsNotPutUpAgain) {
  RequestBoard::Post post(asking_, claim_);
  put_up(post);
  RequestBoard::Batch batch(holding_);
  ASSERT_EQ(batch.take().size(), 1U);
  batch.tell(1);
  EXPECT_FALSE(post.wait(0us));
  EXPECT_FALSE(post.wait(0us));
  EXPECT_FALSE(post.end());
  EXPECT_FALSE(post.is_unknown());
  EXPECT_TRUE(RequestBoard::Batch(holding_).take().empty());
}

TEST_F(Board, WhatWasTakenAndNotToldStandsThereAgain) {
  RequestBoard::Post post(asking_, claim_);
  put_up(post);
  {
    RequestBoard::Batch rolled_back(holding_);
    rolled_back.take()[0].answer.emplace();
  }
  RequestBoard::Batch batch(holding_);
  EXPECT_EQ(batch.take().size(), 1U);
}

TEST_F(Board, WhatIsTakenBackIsNotCarriedOut) {
  {
    RequestBoard::Post post(asking_, claim_);
    put_up(post);
    EXPECT_FALSE(post.end());
    EXPECT_FALSE(post.is_unknown());
  }
  EXPECT_TRUE(RequestBoard::Batch(holding_).take().empty());
}

// Whoever waits no longer while somebody is at it does not know; his place becomes free.
TEST_F(Board, WhatIsLeftWhileItIsTakenIsUnknown) {
  RequestBoard::Post post(asking_, claim_);
  put_up(post);
  RequestBoard::Batch batch(holding_);
  batch.take()[0].answer.emplace();
  EXPECT_FALSE(post.end());
  EXPECT_TRUE(post.is_unknown());
  batch.tell(1);
  for (const std::uint64_t word : {words_[0], words_[16 * 3]}) {
    EXPECT_EQ(static_cast<std::uint32_t>(word), 0U);
  }
}

TEST_F(Board, ATakerThatWasKilledLeavesAnUnknownRequest) {
  RequestBoard::Post post(asking_, claim_);
  put_up(post);
  ASSERT_EQ(killed_batch(holding_).take().size(), 1U);
  EXPECT_FALSE(post.end());
  EXPECT_TRUE(post.is_unknown());
  EXPECT_TRUE(RequestBoard::Batch(holding_).take().empty());
  EXPECT_EQ(static_cast<std::uint32_t>(words_[16 * 3]), 0U);  // and its place is free
}

TEST_F(Board, WithoutAFreePlaceNothingIsAskedFor) {
  std::vector<std::unique_ptr<RequestBoard::Post>> posts;
  for (std::uint32_t slot = 0; slot < RequestBoard::kPlaces; ++slot) {
    posts.push_back(
        std::make_unique<RequestBoard::Post>(asking_, Request{Kind::kClaim, slot, 1, 1, {}, 0}));
    put_up(*posts.back());
  }
  RequestBoard::Post one_more(asking_, {Kind::kClaim, 100, 1, 1, {}, 0});
  EXPECT_FALSE(one_more.wait(0us));
  EXPECT_FALSE(one_more.wait(0us));
  EXPECT_FALSE(one_more.end());
  EXPECT_FALSE(one_more.is_unknown());
  EXPECT_EQ(RequestBoard::Batch(holding_).take().size(), RequestBoard::kPlaces);
  posts[5].reset();
  EXPECT_FALSE(one_more.wait(0us));
  EXPECT_EQ(RequestBoard::Batch(holding_).take().size(), RequestBoard::kPlaces);
}

TEST_F(Board, WithoutMemoryNothingIsAskedFor) {
  RequestBoard none;
  RequestBoard::Post post(none, claim_);
  EXPECT_FALSE(post.wait(0us));
  EXPECT_FALSE(post.end());
  EXPECT_TRUE(RequestBoard::Batch(none).take().empty());
  none.wake();
  none.forget(3);
}

TEST_F(Board, OfADeadHandleNothingIsCarriedOut) {
  RequestBoard::Post dead(asking_, claim_);
  put_up(dead);
  RequestBoard::Post alive(asking_, {Kind::kClaim, 4, 78, 1, {}, 0});
  put_up(alive);
  holding_.forget(3);
  RequestBoard::Batch batch(holding_);
  const auto taken = batch.take();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].request.slot, 4U);
  EXPECT_FALSE(dead.end());
}

// Each side checks what it reads, and neither waits for good.
TEST_F(Board, SurvivesRandomBytes) {
  std::atomic<bool> over = false;
  std::atomic<std::int64_t> takes = 0;
  std::thread scribbles([&] {
    std::mt19937_64 random(1);  // NOLINT: the same each time
    while (!over) {
      std::atomic_ref(words_[random() % words_.size()]).store(random());
      // Often enough, a state there is.
      auto& state = reinterpret_cast<std::uint32_t&>(words_[random() % 16 * 16]);
      std::atomic_ref(state).store(static_cast<std::uint32_t>(3U << 3 | random() % 8));
    }
  });
  std::thread holds([&] {
    while (!over) {
      RequestBoard::Batch batch(holding_);
      for (RequestBoard::Batch::Taken& one : batch.take()) {
        EXPECT_LT(one.place, RequestBoard::kPlaces);
        EXPECT_TRUE(one.request.kind == Kind::kClaim || one.request.kind == Kind::kAcknowledge);
        EXPECT_GE(one.request.lease_ms, 0);
        if (one.place % 2 != 0) one.answer.emplace();
      }
      batch.tell(1);
      holding_.wake();
      ++takes;
    }
  });
  for (int i = 0; i < 3000 || takes < 100; ++i) {
    RequestBoard::Post post(asking_, claim_);
    for (int tries = 0; tries < 3 && !post.wait(0us); ++tries) {
    }
    if (!post.end()) continue;
    EXPECT_LE(post.answer().outcome, LeaseOutcome::kLost);
    EXPECT_LE(post.answer().at.kind, names::SpoolKind::kBinary);
    EXPECT_GE(post.answer().counters.deliveries, 0);
  }
  over = true;
  scribbles.join();
  holds.join();
  EXPECT_GT(takes, 0);
}

}  // namespace
}  // namespace spoolmq::test

#include "core/id_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <thread>
#include <vector>

namespace spoolmq {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;

class HandClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override { return now_ms; }
  [[nodiscard]] std::int64_t boot_ms() const override { return now_ms; }
  [[nodiscard]] std::string boot_id() const override { return std::string(36, 'b'); }
  std::int64_t now_ms = kNow;
};

MessageId id(std::string_view text) { return MessageId::parse(text).value(); }

TEST(IdSource, MakesVersion7IdsOfTheClockAndTheShard) {
  HandClock clock;
  IdSource source(clock, 0xa5);
  for (int i = 0; i < 1000; ++i) {
    clock.now_ms += i % 3;
    const MessageId made = source.next();
    EXPECT_EQ(made.bytes()[6] >> 4, 7);
    EXPECT_EQ(made.bytes()[8] >> 6, 2);
    EXPECT_EQ(made.shard(), 0xa5);
    EXPECT_EQ(made.time_ms(), clock.now_ms);
  }
}

TEST(IdSource, GrowsWithinOneMillisecond) {
  HandClock clock;
  IdSource source(clock, 1);
  MessageId previous;
  for (int i = 0; i < 100'000; ++i) {
    const MessageId made = source.next();
    ASSERT_LT(previous, made);
    ASSERT_EQ(made.time_ms(), kNow);
    previous = made;
  }
}

TEST(IdSource, GrowsWhenTheClockStepsBack) {
  HandClock clock;
  IdSource source(clock, 1);
  const MessageId before = source.next();
  for (const std::int64_t now : {kNow - 1, kNow - 3'600'000, std::int64_t{0}, std::int64_t{-5}}) {
    clock.now_ms = now;
    const MessageId made = source.next();
    EXPECT_LT(before, made);
    EXPECT_EQ(made.time_ms(), kNow);
  }
  clock.now_ms = kNow + 1;
  EXPECT_EQ(source.next().time_ms(), kNow + 1);
}

TEST(IdSource, StartsAboveTheNewestId) {
  HandClock clock;
  IdSource first(clock, 0xff);
  const MessageId newest = first.next();
  for (const std::int64_t now : {kNow, kNow - 1000}) {
    clock.now_ms = now;
    IdSource second(clock, 0x00, newest);
    EXPECT_LT(newest, second.next());
  }
}

TEST(IdSource, StaysAboveWhateverItHasSeen) {
  constexpr std::string_view kSeen[] = {
      "018bcfe5-6800-7000-8000-000000000000",  // of the clock's millisecond
      "018bcfe5-6800-73ff-bfff-ffffffffffff",  // no room above it in its millisecond
      "018bcfe5-6800-7fff-bfff-ffffffffffff",  // bits that are never set here
      "018bcfe5-6800-7000-ffff-ffffffffffff",  // another variant
      "018bcfe5-6800-f000-8000-000000000000",  // another version
      "018bcfe5-6900-4123-8123-123456789abc",  // later than the clock
      "ffffffff-fffe-7000-8000-000000000000",
  };
  for (const auto seen : kSeen) {
    HandClock clock;
    IdSource source(clock, 0);
    const MessageId before = source.next();
    source.never_below(id(seen));
    MessageId previous = std::max(before, id(seen));
    for (int i = 0; i < 100; ++i) {
      const MessageId made = source.next();
      EXPECT_LT(previous, made) << seen;
      EXPECT_EQ(made.bytes()[6] >> 4, 7);
      EXPECT_EQ(made.bytes()[8] >> 6, 2);
      previous = made;
    }
  }
}

TEST(IdSource, KeepsTheClocksTimeAfterOlderIds) {
  HandClock clock;
  IdSource source(clock, 0);
  const MessageId before = source.next();
  source.never_below(id("018bcfe5-0000-7000-8000-000000000000"));
  source.never_below(MessageId());
  source.never_below(before);
  const MessageId made = source.next();
  EXPECT_LT(before, made);
  EXPECT_EQ(made.time_ms(), kNow);
}

TEST(IdSource, IgnoresAnIdNothingIsAbove) {
  HandClock clock;
  IdSource source(clock, 0);
  source.never_below(id("ffffffff-ffff-ffff-ffff-ffffffffffff"));
  EXPECT_EQ(source.next().time_ms(), kNow);
}

TEST(IdSource, HandlesThatSawTheSameIdGoOnFarApart) {
  constexpr std::size_t kHandles = 16;
  constexpr std::ptrdiff_t kAboveSteps = 12;  // the bytes that single steps hardly reach
  HandClock clock;
  const MessageId seen = IdSource(clock, 7).next();
  std::set<std::vector<std::uint8_t>> starts;
  for (std::size_t i = 0; i < kHandles; ++i) {
    const MessageId made = IdSource(clock, 7, seen).next();
    EXPECT_EQ(made.time_ms(), kNow);
    starts.emplace(made.bytes().begin(), made.bytes().begin() + kAboveSteps);
  }
  EXPECT_GT(starts.size(), kHandles / 2);
}

TEST(IdSource, GivesEveryThreadItsOwnIds) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEach = 5000;
  HandClock clock;
  IdSource source(clock, 7);
  std::array<std::vector<MessageId>, kThreads> made;
  {
    std::vector<std::jthread> threads;
    for (auto& ids : made) {
      threads.emplace_back([&source, &ids] {
        for (std::size_t i = 0; i < kEach; ++i) ids.push_back(source.next());
      });
    }
  }
  std::set<MessageId> all;
  for (const auto& ids : made) {
    EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
    all.insert(ids.begin(), ids.end());
  }
  EXPECT_EQ(all.size(), kThreads * kEach);
}

TEST(RandomBits, Differ) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random_bits());
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(SystemClock, TellsTimeSinceTheEpochAndSinceBoot) {
  const SystemClock clock;
  EXPECT_GT(clock.wall_ms(), 1'600'000'000'000);
  const std::int64_t before = clock.boot_ms();
  EXPECT_GT(before, 0);
  EXPECT_LE(before, clock.boot_ms());
}

TEST(SystemClock, NamesTheBoot) {
  const SystemClock clock;
  EXPECT_TRUE(MessageId::parse(clock.boot_id())) << clock.boot_id();
  EXPECT_EQ(clock.boot_id(), clock.boot_id());
}

}  // namespace
}  // namespace spoolmq

// The ring itself: what readers get, and what they are spared.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <thread>

#include "tests/store/hot_ring_world.h"

namespace spoolmq::test {
namespace {

using Got = HotCacheReader::Got;
using Look = HotCacheReader::Look;

constexpr std::size_t kSmall = 200;
constexpr auto kDeadline = std::chrono::seconds(20);

Got read_until(HotCacheReader& reader, Got wanted) {
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  Got got = reader.read(Look::kThorough);
  while (got != wanted && std::chrono::steady_clock::now() < end) {
    got = reader.read(Look::kThorough);
  }
  return got;
}

void expect_right(const HotCacheReader& reader, std::size_t longest) {
  EXPECT_EQ(body_in(reader.record()), body_of(reader.id(), longest));
  EXPECT_EQ(reader.record().id, reader.id());
}

TEST(HotCache, ShowsWhatIsPublishedAfterAReaderCame) {
  const auto ring = make_ring();
  RingWriter writer(3, kSmall);
  writer.publish(*ring);
  HotCacheReader reader(ring);
  EXPECT_EQ(reader.read(Look::kThorough), Got::kNothing);
  for (std::uint64_t i = 2; i < 600; ++i) {  // several times around
    writer.publish(*ring);
    ASSERT_EQ(reader.read(Look::kQuick), Got::kMessage);
    EXPECT_EQ(reader.id(), id_of(3, i));
    expect_right(reader, kSmall);
    EXPECT_EQ(reader.where().offset, RingWriter::kOffset);
  }
  EXPECT_EQ(reader.read(Look::kThorough), Got::kNothing);
}

TEST(HotCache, CarriesMarks) {
  const auto ring = make_ring();
  RingWriter writer(3, kSmall);
  HotCacheReader reader(ring);
  writer.publish(*ring, id_of(3, 1), hot_cache::kDelayed | hot_cache::kRendezvous);
  ASSERT_EQ(reader.read(Look::kQuick), Got::kMessage);
  EXPECT_EQ(reader.marks(), hot_cache::kDelayed | hot_cache::kRendezvous);
}

TEST(HotCache, TellsALappedReaderOfAGapAndGoesOnWithWhatIsLeft) {
  const auto ring = make_ring();
  RingWriter writer(3, kSmall);
  HotCacheReader reader(ring);
  const std::uint64_t count = 3 * ring->size().slots;
  for (std::uint64_t i = 0; i < count; ++i) writer.publish(*ring);
  ASSERT_EQ(reader.read(Look::kQuick), Got::kGap);
  std::uint64_t last = 0;
  std::uint64_t read = 0;
  while (true) {
    const Got got = reader.read(Look::kThorough);
    if (got == Got::kNothing) break;
    ASSERT_NE(got, Got::kGap);
    if (last != 0) {
      EXPECT_EQ(number_of(reader.id()), last + 1);
    }
    last = number_of(reader.id());
    ++read;
  }
  EXPECT_EQ(last, count);
  EXPECT_GE(read, ring->size().slots / 2);
}

TEST(HotCache, NamesTheFileOfWhatItDoesNotHold) {
  const auto ring = make_ring();
  RingWriter writer(3, 0);
  HotCacheReader reader(ring);
  HotCacheWriter out(3, [](std::uint32_t) { return true; });
  const std::vector<std::byte> large(ring->size().arena_bytes / 2);
  out.publish(*ring,
              {id_of(3, 1), {id_of(3, 9), names::SpoolKind::kBinary, 96, large.size()}, 0, large});
  out.publish(*ring, {id_of(3, 2), {id_of(3, 10), names::SpoolKind::kXml, 0, 77}, 0, {}});
  ASSERT_EQ(reader.read(Look::kQuick), Got::kPayloadMissed);
  EXPECT_EQ(reader.id(), id_of(3, 1));
  EXPECT_EQ(reader.where().file, id_of(3, 9));
  EXPECT_EQ(reader.where().length, large.size());
  ASSERT_EQ(reader.read(Look::kQuick), Got::kPayloadMissed);
  EXPECT_EQ(reader.where().kind, names::SpoolKind::kXml);
}

TEST(HotCache, MissesPayloadsThatWereOverwrittenBeforeTheirSlots) {
  const auto ring = make_ring();
  constexpr std::size_t kLarge = 6000;
  RingWriter writer(3, kLarge);
  HotCacheReader reader(ring);
  const std::uint64_t count = ring->size().slots - 1;
  for (std::uint64_t i = 0; i < count; ++i) writer.publish(*ring);
  std::uint64_t missed = 0;
  for (std::uint64_t i = 1; i <= count; ++i) {
    const Got got = reader.read(Look::kQuick);
    ASSERT_TRUE(got == Got::kMessage || got == Got::kPayloadMissed);
    EXPECT_EQ(number_of(reader.id()), i);
    if (got == Got::kMessage) expect_right(reader, kLarge);
    missed += got == Got::kPayloadMissed ? 1 : 0;
  }
  EXPECT_GT(missed, count / 2);
  EXPECT_LT(missed, count);
}

// A writer that stopped half-way keeps its slot, and nobody waits for it.
TEST(HotCache, LeavesOutTheSlotOfAStoppedWriter) {
  const auto ring = make_ring();
  RingWriter writer(3, kSmall);
  HotCacheReader reader(ring);
  const std::uint64_t stuck = reader.position();
  std::atomic_ref(ring->next_ticket()).fetch_add(1);
  std::atomic_ref(ring->state(stuck)).store(hot_cache::state_of(stuck, 7 + 1));
  const std::uint64_t count = 2 * ring->size().slots;
  std::uint64_t told = 0;
  std::uint64_t gaps = 0;
  for (std::uint64_t i = 1; i <= count; ++i) {
    writer.publish(*ring);
    while (told < i) {
      const Got got = reader.read(Look::kThorough);
      if (got == Got::kGap) ++gaps;
      if (got != Got::kMessage) continue;
      EXPECT_EQ(number_of(reader.id()), ++told);
    }
  }
  EXPECT_EQ(std::atomic_ref(ring->state(stuck)).load(), hot_cache::state_of(stuck, 7 + 1));
  EXPECT_GE(gaps, 2U);  // its own ticket, and the one a lap later
  EXPECT_LE(gaps, 3U);
}

TEST(HotCache, TakesTheSlotOfADeadWriter) {
  const auto ring = make_ring();
  RingWriter writer(3, kSmall, [](std::uint32_t slot) { return slot != 7; });
  HotCacheReader reader(ring);
  const std::uint64_t stuck = reader.position();
  std::atomic_ref(ring->next_ticket()).fetch_add(1);
  std::atomic_ref(ring->state(stuck)).store(hot_cache::state_of(stuck, 7 + 1));
  ASSERT_EQ(read_until(reader, Got::kGap), Got::kGap);
  for (std::uint64_t i = 0; i < ring->size().slots; ++i) {
    writer.publish(*ring);
    ASSERT_EQ(reader.read(Look::kQuick), Got::kMessage);
  }
  EXPECT_EQ(std::atomic_ref(ring->state(stuck)).load(),
            hot_cache::state_of(stuck + ring->size().slots, hot_cache::kCommitted));
}

TEST(HotCache, TellsAGapWhereAWriterDied) {
  const auto ring = make_ring();
  RingWriter writer(3, kSmall);
  HotCacheReader reader(ring);
  const std::uint64_t stuck = reader.position();
  std::atomic_ref(ring->next_ticket()).fetch_add(1);
  std::atomic_ref(ring->state(stuck)).store(hot_cache::state_of(stuck, 7 + 1));
  ring->abandon(8);
  EXPECT_EQ(reader.read(Look::kQuick), Got::kNothing);
  ring->abandon(7);
  EXPECT_EQ(reader.read(Look::kQuick), Got::kGap);
  writer.publish(*ring);
  EXPECT_EQ(reader.read(Look::kQuick), Got::kMessage);
}

TEST(HotCache, HoldsNothingOnceRetired) {
  const auto ring = make_ring();
  RingWriter writer(3, kSmall);
  HotCacheReader reader(ring);
  for (int i = 0; i < 100; ++i) writer.publish(*ring);
  ring->retire();
  EXPECT_TRUE(ring->is_retired());
  for (std::uint64_t at = 0; at < ring->size().arena_bytes; at += 8) {
    ASSERT_EQ(std::atomic_ref(ring->arena_word(at)).load(), 0U);
  }
  EXPECT_EQ(reader.read(Look::kThorough), Got::kGap);
}

TEST(HotCache, WakesASleeperOnceAndADeadOneAtMostOnce) {
  const auto ring = make_ring();
  RingWriter writer(3, kSmall);
  std::atomic_ref<std::uint32_t>(ring->sleepers()).store(1);  // killed in his sleep
  writer.publish(*ring);
  EXPECT_EQ(std::atomic_ref<std::uint32_t>(ring->sleepers()).load(), 0U);
}

// Several writers and readers at once; run under ThreadSanitizer, too.
TEST(HotCache, KeepsEachWritersOrderAmongThreads) {
  constexpr int kWriters = 3;
  constexpr std::uint64_t kEach = 20'000;
  const auto ring = make_ring();
  std::atomic<int> running{kWriters};
  const auto write = [&](std::uint8_t which) {
    RingWriter writer(which, kSmall);
    for (std::uint64_t i = 0; i < kEach; ++i) writer.publish(*ring);
    --running;
  };
  std::atomic<std::uint64_t> read_in_all{0};
  const auto follow = [&](HotCacheReader reader) {
    std::map<std::uint8_t, std::uint64_t> last;
    std::uint64_t read = 0;
    while (true) {
      const bool over = running == 0;
      const Got got = reader.read(Look::kThorough);
      if (got == Got::kNothing && over && reader.is_quiet()) break;
      if (got == Got::kMessage) {
        expect_right(reader, kSmall);
        ++read;
      }
      if (got == Got::kMessage || got == Got::kPayloadMissed) {
        std::uint64_t& before = last[writer_of(reader.id())];
        EXPECT_GT(number_of(reader.id()), before);
        before = number_of(reader.id());
      }
    }
    read_in_all += read;
  };
  {
    std::jthread one([&, reader = HotCacheReader(ring)]() mutable { follow(std::move(reader)); });
    std::jthread two([&, reader = HotCacheReader(ring)]() mutable { follow(std::move(reader)); });
    std::vector<std::jthread> writers;
    for (std::uint8_t i = 0; i < kWriters; ++i) writers.emplace_back(write, i);
  }
  EXPECT_GT(read_in_all, 0U);
}

// Whoever can write the file can write anything into it: readers and writers survive it, and no
// reader takes nonsense for a message.
TEST(HotCache, SurvivesAnotherThreadsScribbling) {
  const auto ring = make_ring();
  std::atomic<bool> over{false};
  std::jthread scribbler([&] {
    std::mt19937_64 random(1);
    const std::uint64_t words = ring->size().file_bytes() / 8;
    auto* const first = &ring->next_ticket() - hot_cache::header_at::kNextTicket / 8;
    while (!over) {
      // The sizes in the header were read once and for all; everything behind them may change.
      const std::uint64_t at = 128 + random() % (words - 128);
      std::atomic_ref(first[at]).store(random(), std::memory_order_relaxed);
    }
  });
  std::jthread other([&] {
    RingWriter writer(1, kSmall, [](std::uint32_t slot) { return slot % 2 == 0; });
    while (!over) writer.publish(*ring);
  });
  RingWriter writer(2, kSmall, [](std::uint32_t slot) { return slot % 2 == 0; });
  HotCacheReader reader(ring);
  std::uint64_t right = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (std::chrono::steady_clock::now() < end) {
    writer.publish(*ring);
    for (int i = 0; i < 4; ++i) {
      if (reader.read(Look::kThorough) != Got::kMessage) continue;
      expect_right(reader, kSmall);
      ++right;
    }
  }
  over = true;
  SUCCEED() << right;
}

TEST(HotCache, RefusesWordsThatCannotBe) {
  hot_cache::SlotWords words;
  words.place = 64;
  words.length = 128;
  words.offset = 96;
  const auto good = words.encode(5);
  ASSERT_TRUE(hot_cache::SlotWords::decode(good, 5));
  EXPECT_FALSE(hot_cache::SlotWords::decode(good, 6));
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto changed = good;
    changed[i] ^= 1U << 9;
    EXPECT_FALSE(hot_cache::SlotWords::decode(changed, 5)) << i;
  }
  const auto refused = [&](auto change) {
    hot_cache::SlotWords bad = words;
    change(bad);
    return !hot_cache::SlotWords::decode(bad.encode(5), 5);
  };
  EXPECT_TRUE(refused([](auto& bad) { bad.place = 65; }));
  EXPECT_TRUE(refused([](auto& bad) { bad.length = 127; }));
  EXPECT_TRUE(refused([](auto& bad) { bad.length = 56; }));
  EXPECT_TRUE(refused([](auto& bad) { bad.length = 0xfffffff8; }));
  EXPECT_TRUE(refused([](auto& bad) { bad.offset = 1; }));
  EXPECT_TRUE(refused([](auto& bad) { bad.marks = hot_cache::kMarksEnd; }));
}

}  // namespace
}  // namespace spoolmq::test

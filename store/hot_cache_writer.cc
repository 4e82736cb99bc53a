#include "store/hot_cache_writer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "core/check.h"
#include "core/futex.h"
#include "store/hot_cache_words.h"

namespace spoolmq {
namespace {

using namespace hot_cache;

constexpr int kMostTickets = 8;
constexpr std::uint64_t kShareOfArena = 4;  // no record takes more of it than a quarter
constexpr std::size_t kLineBytes = 64;
constexpr std::size_t kMostAheadBytes = 2048;

std::uint64_t put_in_arena(HotRing& ring, std::span<const std::byte> record) {
  if (record.empty() || record.size() > ring.size().arena_bytes / kShareOfArena) return kNoPlace;
  // A multiple of 8, whatever somebody may have written there.
  const std::uint64_t place =
      std::atomic_ref(ring.arena_given()).fetch_add(record.size(), std::memory_order_relaxed) &
      ~std::uint64_t{kWordBytes - 1};
  for (std::size_t at = 0; at < record.size(); at += kWordBytes) {
    std::uint64_t word;
    std::memcpy(&word, record.data() + at, kWordBytes);
    std::atomic_ref(ring.arena_word(place + at)).store(word, std::memory_order_relaxed);
  }
  return place;
}

// What the next message will probably be written to is here by then; readers do not look at it yet.
void prefetch_next(HotRing& ring, std::uint64_t ticket, std::uint64_t place, std::size_t bytes) {
  prefetch_to_write(&ring.slot_word(ticket, 0));
  if (place == kNoPlace) return;
  for (std::size_t at = 0; at < std::min(bytes, kMostAheadBytes); at += kLineBytes) {
    prefetch_to_write(&ring.arena_word(place + bytes + at));
  }
}

}  // namespace

bool HotCacheWriter::claim(HotRing& ring, std::uint64_t ticket) {
  const std::atomic_ref<std::uint64_t> state(ring.state(ticket));
  // A guess, mostly right: readers poll this line, so a load before the exchange would have it
  // travel once more.
  const std::uint64_t slots = ring.size().slots;
  std::uint64_t now = ticket > slots ? state_of(ticket - slots, kCommitted) : 0;
  while (ticket_of(now) < ticket) {
    if (is_being_written(now) && is_alive_(static_cast<std::uint32_t>(owner_of(now) - 1))) {
      return false;
    }
    if (state.compare_exchange_weak(now, state_of(ticket, owner_ + 1))) return true;
  }
  return false;  // lapped: somebody has a later ticket for this slot
}

void HotCacheWriter::publish(HotRing& ring, const Message& message) {
  SPOOLMQ_CHECK(message.record.size() % kWordBytes == 0);
  prefetch_to_write(&ring.next_ticket());
  SlotWords words;
  words.id = message.id;
  words.file = message.at.file;
  words.offset = message.at.offset;
  words.place = put_in_arena(ring, message.record);
  words.length = static_cast<std::uint32_t>(message.record.size());
  words.marks = message.marks;
  if (message.at.kind == names::SpoolKind::kXml) words.marks |= kXml;
  for (int i = 0; i < kMostTickets; ++i) {
    const std::uint64_t ticket = std::atomic_ref(ring.next_ticket()).fetch_add(1);
    const auto raw = words.encode(ticket);
    if (!claim(ring, ticket)) continue;
    for (std::size_t at = 0; at < raw.size(); ++at) {
      std::atomic_ref(ring.slot_word(ticket, at)).store(raw[at], std::memory_order_relaxed);
    }
    // Publishes the words and the arena to whoever reads this state; and, being sequentially
    // consistent, comes before the look at the sleepers' flag that follows.
    std::atomic_ref(ring.state(ticket)).exchange(state_of(ticket, kCommitted));
    prefetch_next(ring, ticket + 1, words.place, message.record.size());
    return;
  }
  ring.tell_break();
}

}  // namespace spoolmq

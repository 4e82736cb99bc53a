#pragma once
// One queue's hot cache: a ring of its newest messages in shared memory, written by every sender
// once a message is durable and read by Tail without a system call. HOTCACHE.md is its protocol,
// hot_cache_layout.h its bytes.
//
// The disk is the truth and the ring only makes it quicker: whoever cannot map it, finds it
// retired or doubts what it says asks the index.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "store/hot_cache_layout.h"
#include "store/shared_memory.h"

namespace spoolmq {

// A mapped ring, checked when it was opened. All of it may be changed by others at any time.
class HotRing {
 public:
  HotRing(SharedMapping mapping, hot_cache::Size size);
  // Writes the header of an empty ring into a mapping of that size that is zero otherwise.
  static void format(const SharedMapping& made, const hot_cache::Size& size);

  [[nodiscard]] const hot_cache::Size& size() const { return size_; }
  std::uint64_t& next_ticket() { return word(hot_cache::header_at::kNextTicket); }
  std::uint64_t& arena_given() { return word(hot_cache::header_at::kArenaGiven); }
  std::uint64_t& breaks() { return word(hot_cache::header_at::kBreaks); }
  std::uint64_t& retired() { return word(hot_cache::header_at::kRetired); }
  std::uint32_t& sleepers() {
    return mapping_.word<std::uint32_t>(hot_cache::header_at::kSleepers);
  }
  std::uint64_t& state(std::uint64_t ticket) {
    return word(slot(ticket) + hot_cache::slot_at::kState);
  }
  // Word i of the slot, its checksum being number kSlotWords.
  std::uint64_t& slot_word(std::uint64_t ticket, std::size_t i) {
    return word(slot(ticket) + hot_cache::slot_at::kWords + i * hot_cache::kWordBytes);
  }
  // The word that holds byte `place` of those given out; a multiple of 8.
  std::uint64_t& arena_word(std::uint64_t place) {
    return word(arena_at_ + (place & (size_.arena_bytes - 1)));
  }

  [[nodiscard]] bool is_retired();
  // Something durable has no slot: readers ask the index.
  void tell_break();
  // Wakes every sleeping reader; no system call when nobody sleeps.
  void wake();
  // Makes readers and writers leave, and clears what it held. Idempotent.
  void retire();
  // What handle slot `owner` was writing when it died; nobody has that slot but whoever calls.
  void abandon(std::uint32_t owner);

 private:
  [[nodiscard]] std::size_t slot(std::uint64_t ticket) const {
    return hot_cache::kHeaderBytes + (ticket & (size_.slots - 1)) * hot_cache::kSlotBytes;
  }
  [[nodiscard]] std::uint64_t& word(std::size_t at) const {
    return mapping_.word<std::uint64_t>(at);
  }

  SharedMapping mapping_;
  hot_cache::Size size_;
  std::size_t arena_at_;
};

// Finds, makes and retires the ring. Thread-safe.
class HotCache {
 public:
  // Where processes come and go, only tails say aloud that there is no ring.
  enum class Stay : std::uint8_t { kLong, kShort };
  // `subject`: the queue's name, for the log. Not shared: there is never a ring.
  HotCache(SharedMemory memory, std::string subject, bool shared, Stay stay);

  // The ring that is current now, made if there is none, of about so many bytes; nullptr: it is
  // switched off (0 bytes) or cannot be had, which is said once and tried again a second later.
  // A handle that takes part as a writer gives its slot, so that what a dead one left there goes.
  std::shared_ptr<HotRing> current(std::uint64_t wished_bytes, std::uint64_t owner_slot);
  // Whether `ring` still has the queue's name: a file that was removed by hand has not.
  bool is_named(const HotRing& ring);
  // The same of the current ring, for senders: cheap, and looks once a second at most.
  void check_name();
  // The queue was removed, emptied or given another size.
  void retire();
  // A break for those who read the ring that is current, if there is one.
  void tell_break();

  static constexpr std::uint64_t kNoSlot = ~std::uint64_t{0};

 private:
  std::shared_ptr<HotRing> find();
  std::shared_ptr<HotRing> make(std::uint64_t wished_bytes, bool is_tail);
  bool is_still_named();

  std::mutex mutex_;  // guards everything below
  SharedMemory memory_;
  const std::string subject_;
  const bool shared_;
  const Stay stay_;
  std::shared_ptr<HotRing> ring_;
  std::uint64_t inode_ = 0;  // of ring_
  bool told_ = false;
  std::int64_t not_before_ms_ = 0;  // monotonic: when to try again …
  std::int64_t check_at_ms_ = 0;    // … and to look at the name
};

}  // namespace spoolmq

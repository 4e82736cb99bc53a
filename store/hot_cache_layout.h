#pragma once
// Byte layout of a queue's hot cache, version 1 (the version is in the file's name, too). All
// numbers are little-endian and 8 bytes wide unless said; every one that changes while others look
// is one atomic word. HOTCACHE.md says who writes what in which order.
//
//   file    [ header 4096 ][ slots: 128 · S ][ arena: A bytes ]        S, A powers of two
//
//   header     0 "SPQHOT01"     8 S     16 A     24 file's size     32 queue's device   40 its
//   inode
//             48 … 1023 more of the queue's identity (shared_memory.h)
//           1024 next ticket           alone in its cache line, as are the next four
//           1088 arena bytes given out, ever
//           1152 breaks: how often something became durable that no slot tells of
//           1216 u32 futex: 1 while somebody sleeps, or was killed in his sleep
//           1280 retired: not 0 once nobody may write here any more
//
//   slot       0 state: ticket · 2^16 + owner           alone in its cache line
//             64 place of the record in the arena (of the bytes given out, ever; none: 2^64 − 1)
//             72 its length | marks · 2^32     80, 88 id     96, 104 file     112 offset in the
//             file
//            120 XXH3 of 64 … 119, seeded with the ticket
//
//   Ticket t belongs to slot t mod S, and its message stands there once the slot's state is t with
//   owner 0. Owner n + 1 means: handle slot n is writing; 65535: it died while it did. Tickets
//   begin at 1.
//   A record in the arena is one of FORMAT.md section 3, whole, padded to 8 bytes; it may run over
//   the arena's end and goes on at its beginning.

#include <bit>
#include <cstddef>
#include <cstdint>

namespace spoolmq::hot_cache {

inline constexpr std::uint64_t kMagic = 0x3130544f48515053;  // "SPQHOT01"
inline constexpr std::size_t kHeaderBytes = 4096;
inline constexpr std::size_t kSlotBytes = 128;
inline constexpr std::size_t kWordBytes = 8;

namespace header_at {
inline constexpr std::size_t kMagic = 0;
inline constexpr std::size_t kSlots = 8;
inline constexpr std::size_t kArenaBytes = 16;
inline constexpr std::size_t kFileBytes = 24;
inline constexpr std::size_t kNextTicket = 1024;
inline constexpr std::size_t kArenaGiven = 1088;
inline constexpr std::size_t kBreaks = 1152;
inline constexpr std::size_t kSleepers = 1216;
inline constexpr std::size_t kRetired = 1280;
}  // namespace header_at

namespace slot_at {
inline constexpr std::size_t kState = 0;
inline constexpr std::size_t kWords = 64;  // seven of them, and their checksum
}  // namespace slot_at
inline constexpr std::size_t kSlotWords = 7;

inline constexpr std::uint64_t kFirstTicket = 1;
inline constexpr unsigned kTicketShift = 16;
inline constexpr std::uint64_t kCommitted = 0;
inline constexpr std::uint64_t kAbandoned = 65535;
inline constexpr std::uint64_t kNoPlace = ~std::uint64_t{0};

inline constexpr std::uint64_t kSmallestArenaBytes = 64 << 10;
inline constexpr std::uint64_t kLargestArenaBytes = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kArenaBytesPerSlot = 512;

// What a slot's second word says beside the length, in its upper half.
enum Marks : std::uint32_t {
  kDelayed = 1,     // not before a time that was ahead when it was published
  kExpired = 2,     // its time was over when it was published
  kRendezvous = 4,  // its sender waits for a receiver, and may take it back
  kXml = 8,         // its spool file is an XML file
  kMarksEnd = 16,
};

// The state word of a slot.
constexpr std::uint64_t state_of(std::uint64_t ticket, std::uint64_t owner) {
  return ticket << kTicketShift | owner;
}
constexpr std::uint64_t ticket_of(std::uint64_t state) { return state >> kTicketShift; }
constexpr std::uint64_t owner_of(std::uint64_t state) {
  return state & ((std::uint64_t{1} << kTicketShift) - 1);
}
constexpr bool is_being_written(std::uint64_t state) {
  return owner_of(state) != kCommitted && owner_of(state) != kAbandoned;
}

// How large a ring is; both are powers of two.
struct Size {
  std::uint64_t slots = 0;
  std::uint64_t arena_bytes = 0;

  // For a wish in bytes, within the limits.
  static constexpr Size of(std::uint64_t wished_bytes) {
    std::uint64_t arena = kSmallestArenaBytes;
    while (arena < wished_bytes && arena < kLargestArenaBytes) arena *= 2;
    return {arena / kArenaBytesPerSlot, arena};
  }
  [[nodiscard]] constexpr std::uint64_t file_bytes() const {
    return kHeaderBytes + slots * kSlotBytes + arena_bytes;
  }
  // Whether numbers that stand in a file can be one's sizes at all.
  [[nodiscard]] constexpr bool is_sound() const {
    return std::has_single_bit(arena_bytes) && arena_bytes >= kSmallestArenaBytes &&
           arena_bytes <= kLargestArenaBytes && slots == arena_bytes / kArenaBytesPerSlot;
  }
  bool operator==(const Size&) const = default;
};

}  // namespace spoolmq::hot_cache

#pragma once
// Byte layout of a bounded buffer in shared memory, version 1, which programs of strangers share
// with shm-in and shm-out. PROTOCOL.md has it for them; numbers are those of the machine.
//
//   segment  [ header 4096 ][ entries: S · B ]
//
//   header    0 u64 "SPQSHM01", written last: all else is there
//             8 u32 sync: 1 mutex, 2 sysv-semaphores, 3 posix-semaphores, 4 polling
//            12 u32 S entries, 1 … 65,536     16 u32 B bytes of an entry, a multiple of 64, from
//            128 20 u32 0                         24 u64 bytes of it all, 4096 + S · B 64 u64 put:
//            entries put, ever          alone in its cache line, as are the next ones
//           128 u64 freed: entries freed, ever
//           192 pthread_mutex_t, robust, of more than one process (sync = mutex)
//           256 u32 news: raised after entries were put, and a futex (sync = mutex)
//           320 u32 room: raised after entries were freed, likewise
//
//   entry n stands at 4096 + (n mod S) · B
//             0 u64 n + 1               8 u32 length of the body    12 u32 priority, 0 … 32767
//            16 16 bytes: id, or 0     32 u32 verdict of whoever frees it, an exit code; else 0
//            36 … 63 0                 64 the body
//
// A producer writes entry `put` while put − freed < S, then raises put; the consumer is done with
// entry `freed`, then raises freed. What is in between is the consumer's, all else the producer's.
// So whoever is killed anywhere leaves nothing torn: what put does not cover was never there.

#include <cstddef>
#include <cstdint>

#include "spoolmq/message.h"

namespace spoolmq::adapters::shm {

inline constexpr std::uint64_t kMagic = 0x31304d4853515053;  // "SPQSHM01"
inline constexpr std::size_t kHeaderBytes = 4096;
inline constexpr std::size_t kEntryHeaderBytes = 64;

namespace at {
inline constexpr std::size_t kMagic = 0;
inline constexpr std::size_t kSync = 8;
inline constexpr std::size_t kEntries = 12;
inline constexpr std::size_t kEntryBytes = 16;
inline constexpr std::size_t kTotalBytes = 24;
inline constexpr std::size_t kPut = 64;
inline constexpr std::size_t kFreed = 128;
inline constexpr std::size_t kMutex = 192;
inline constexpr std::size_t kNews = 256;
inline constexpr std::size_t kRoom = 320;
}  // namespace at

namespace entry_at {
inline constexpr std::size_t kNumber = 0;
inline constexpr std::size_t kLength = 8;
inline constexpr std::size_t kPriority = 12;
inline constexpr std::size_t kId = 16;
inline constexpr std::size_t kVerdict = 32;
}  // namespace entry_at

enum class Sync : std::uint32_t { kMutex = 1, kSysv = 2, kPosix = 3, kPolling = 4 };

inline constexpr std::uint32_t kMostEntries = 65'536;
inline constexpr std::uint32_t kSmallestEntryBytes = 128;
inline constexpr std::uint32_t kLargestEntryBytes = 64 << 20;
inline constexpr std::uint64_t kMostBytes = std::uint64_t{4} << 30;

struct Shape {
  Sync sync = Sync::kMutex;
  std::uint32_t entries = 0;
  std::uint32_t entry_bytes = 0;

  [[nodiscard]] constexpr std::uint64_t total_bytes() const {
    return kHeaderBytes + std::uint64_t{entries} * entry_bytes;
  }
  [[nodiscard]] constexpr std::uint32_t most_body_bytes() const {
    return entry_bytes - static_cast<std::uint32_t>(kEntryHeaderBytes);
  }
  [[nodiscard]] constexpr std::uint64_t place_of(std::uint64_t entry) const {
    return kHeaderBytes + entry % entries * entry_bytes;
  }
  // Whether numbers that stand in a segment can be its shape at all.
  [[nodiscard]] constexpr bool is_sound() const {
    return sync >= Sync::kMutex && sync <= Sync::kPolling && entries >= 1 &&
           entries <= kMostEntries && entry_bytes >= kSmallestEntryBytes &&
           entry_bytes <= kLargestEntryBytes && entry_bytes % 64 == 0 &&
           total_bytes() <= kMostBytes;
  }
  bool operator==(const Shape&) const = default;
};

// With a lock several producers may share a segment.
constexpr bool has_lock(Sync sync) { return sync == Sync::kMutex || sync == Sync::kSysv; }

}  // namespace spoolmq::adapters::shm

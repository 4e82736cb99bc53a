#pragma once
// Byte layouts of the two small files every handle shares (FORMAT.md sections 6 and 7).
// Neither needs to be durable: after a boot both are rebuilt before anything is served.
//
// `lock`, 88 bytes, written only by the holder of byte 0:
//    0 magic "SPQLOCK1"    8 u64 index generation G    16 u64 number of the last index transaction
//   24 u32 slots in use (high water)    28 u32 flags: 1 receive paused, 2 send paused
//   32 u64 version of queue.toml (grows with each change)
//   64 u64 stamp of the index's database: what a checkpoint left (0: unknown, one is under way)
//   80 u64 how often a lease was ended by another than its holder, while that lived
//   40 u32 holder's pid   44 u32 holder's purpose   48 i64 since, ms since boot   56 u64
//   incarnation
// Lock bytes of `lock` lie above its content: byte 0 … 2 of the design are offsets 4096 … 4098.
//
// `handles`: a 128-byte record per slot, slot s at 128·s; its lock byte is at 2^40 + s.
//    0 u64 incarnation (0: free)   8 u32 pid   12 u32 uid   16 i64 opened at, wall ms
//   24 u16 early acks durable   26 u16 early acks in the index   28 u32 flags: 1 owns or owned
//   bound leases, 2 reservations, 4 waiting,
//      8 made named temporaries, 16 observer
//   32 open segment's uuid (nil: none)   48 u64 durable_end   56 u64 indexed_end
//   64 u64 single files begun   72 u64 single files indexed   80 name[24]   104 host[24]

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "spoolmq/id.h"

namespace spoolmq::layout {

inline constexpr std::size_t kLockHeaderBytes = 64;
inline constexpr std::uint64_t kDatabaseStampAt = 64;
inline constexpr std::uint64_t kWallOffsetAt = 72;
inline constexpr std::uint64_t kLeaseEpochAt = 80;
inline constexpr std::uint64_t kByteIndexWriter = 4096;
inline constexpr std::uint64_t kByteMaintenance = 4097;
inline constexpr std::uint64_t kByteWatch = 4098;
inline constexpr std::uint32_t kPausedReceive = 1;
inline constexpr std::uint32_t kPausedSend = 2;

struct LockHeader {
  std::uint64_t generation = 0;
  std::uint64_t transaction = 0;
  std::uint32_t slots = 0;
  std::uint32_t flags = 0;
  std::uint64_t settings_version = 0;
  std::uint64_t database_stamp = 0;
  std::int64_t wall_offset_ms = 0;  // of the wall clock to the time since boot; 0: unknown
  std::uint64_t lease_epoch = 0;    // read only: WriterLock::raise_lease_epoch()
};

enum class Purpose : std::uint32_t {
  kNone,
  kOpen,
  kClose,
  kSend,
  kReceive,
  kAcknowledge,
  kLook,
  kFix,
  kMaintain,
  kRecover,
  kRebuild,
};
std::string_view purpose_name(Purpose purpose);

inline constexpr std::size_t kHandleRecordBytes = 128;
inline constexpr std::uint64_t kSlotLockBase = std::uint64_t{1} << 40;
inline constexpr std::uint32_t kMaxSlots = 16384;

enum HandleFlags : std::uint32_t {
  kOwnsLeases = 1,
  kOwnsReservations = 2,
  kWaiting = 4,
  kNamesTemporaries = 8,
  kObserver = 16,  // says nothing about what it owns
};

struct HandleRecord {
  std::uint64_t incarnation = 0;
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
  std::int64_t opened_at_ms = 0;
  std::uint16_t acks_durable = 0;  // both modulo 2^16, and less than that apart (ack_log.h)
  std::uint16_t acks_indexed = 0;
  std::uint32_t flags = 0;
  MessageId segment;
  std::uint64_t durable_end = 0;
  std::uint64_t indexed_end = 0;
  std::uint64_t singles_begun = 0;
  std::uint64_t singles_indexed = 0;
  std::string name;
  std::string host;
  // Whether the index is to hear of messages, or of something.
  [[nodiscard]] bool has_unindexed_messages() const {
    return !segment.is_nil() && durable_end > indexed_end;
  }
  [[nodiscard]] bool is_ahead_of_index() const {
    return has_unindexed_messages() || acks_durable != acks_indexed;
  }
  // Whether its death would leave anything to reap.
  [[nodiscard]] bool owns_something() const {
    return (flags & ~std::uint32_t{kObserver}) != 0 || durable_end > indexed_end ||
           !segment.is_nil() || singles_begun != singles_indexed;
  }
};

}  // namespace spoolmq::layout

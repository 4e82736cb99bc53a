#pragma once
// Early acknowledgements (FORMAT.md section 7.1): what a handle has acknowledged, durably, before
// the index knows. A ring of entries in a file of the handle's own, `acks-SSSS` of its slot: one
// small write and one sync in place of a transaction of the index and a sync of its log. Whoever
// writes the index takes them over; an entry is written over only once that is durable, too.
//
//   entry, 64 bytes: 0 message's UUID   16 its spool file's UUID   32 u64 offset there
//                    40 i64 deliveries, that of the lease among them   48 u64 its token
//                    56 u64 XXH3-64 of the former
//
// The number of an entry, counted from the file's making, tells its place: modulo kEntries.
// Not thread-safe, but for read() and read_all(); what write() and wipe() throw is final: a later
// sync would prove nothing.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/file_system.h"
#include "spoolmq/queue.h"
#include "store/queue_dir.h"
#include "store/sync_meter.h"

namespace spoolmq {

class AckLog {
 public:
  static constexpr std::uint64_t kEntries = 1024;
  static constexpr std::uint64_t kEntryBytes = 64;

  struct Entry {
    Receipt receipt;
    MessageId file;
    std::uint64_t offset = 0;
    std::int64_t deliveries = 0;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  AckLog(QueueDir& dir, SyncMeter& syncs) : dir_(dir), syncs_(syncs) {}

  [[nodiscard]] bool is_open() const { return file_ != nullptr; }
  // Empty, and durable with its name. What another incarnation left there must be in the index,
  // durably.
  void create(std::uint32_t slot);
  // From that number on; durable on return.
  void write(std::uint64_t number, std::span<const Entry> entries);
  // It is not to be taken over after all; durable on return.
  void wipe(std::uint64_t number);
  // All of it is in the index, durably.
  void remove();

  // Of `count` from that number on, in order, those that verify; nothing where there is no file.
  static std::vector<Entry> read(Dir& queue, std::uint32_t slot, std::uint64_t number,
                                 std::uint64_t count);
  // Whatever verifies, in no order.
  static std::vector<Entry> read_all(File& file);

 private:
  void write_bytes(std::uint64_t number, std::span<const std::byte> bytes);

  QueueDir& dir_;
  SyncMeter& syncs_;
  std::uint32_t slot_ = 0;
  std::unique_ptr<File> file_;
};

}  // namespace spoolmq

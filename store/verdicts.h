#pragma once
// verdicts.log: what a rebuild of the index must know and the spool files don't say (FORMAT.md
// section 9): which records of a file that also holds live ones are acknowledged, and which
// messages are dead, held, archived, or live again. Appended by the holder of byte 1 from durable
// index state, never ahead of it.
//
//   entry: u32 kind | u32 length of payload | payload | u64 XXH3-64 of the former, seeded with the
//          entry's offset. What does not verify is skipped, to the next entry that does.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/file_system.h"
#include "spoolmq/id.h"
#include "store/index.h"
#include "store/queue_dir.h"
#include "store/spool_scan.h"

namespace spoolmq {

class Verdicts {
 public:
  explicit Verdicts(QueueDir& dir) : dir_(dir) {}

  struct OfMessage {
    RowState state = RowState::kReady;  // kReady: live again
    std::int64_t due_ms = 0;
    Counters counters;
    std::string reason;
  };
  struct Known {
    std::unordered_map<MessageId, std::vector<ByteRange>> acked;  // by file; sorted, disjoint
    std::unordered_map<MessageId, OfMessage> messages;
    // The newest index transaction the log speaks of: an index that knows less is an older copy.
    std::uint64_t generation = 0;
    std::uint64_t transaction = 0;
    std::uint64_t entries = 0;
    std::uint64_t valid_bytes = 0;
    [[nodiscard]] bool is_acked(const MessageId& file, std::uint64_t offset) const;
  };
  Known load();

  // One batch: appended behind the last whole entry, and synced on return.
  class Batch {
   public:
    void acked(const MessageId& file, const std::vector<ByteRange>& ranges);
    void message(const MessageId& id, const OfMessage& verdict);
    void mark(std::uint64_t generation, std::uint64_t transaction);
    [[nodiscard]] bool empty() const { return entries_.empty(); }

   private:
    friend class Verdicts;
    struct Entry {
      std::uint32_t kind;
      std::string payload;
    };
    std::vector<Entry> entries_;
  };
  void append(const Batch& batch);
  // Keeps only what `file_exists` and `message_exists` still know; written aside, synced, renamed.
  void compact(const std::function<bool(const MessageId& file)>& file_exists,
               const std::function<bool(const MessageId& id)>& message_exists);
  std::uint64_t size();

 private:
  std::unique_ptr<File> make();

  QueueDir& dir_;
  // Whose valid entries end where: what this object itself wrote last. Else the file is read.
  std::uint64_t known_inode_ = 0;
  std::uint64_t known_end_ = 0;
};

// Sorted and merged; neighbours less than `gap` bytes apart become one.
std::vector<ByteRange> merged(std::vector<ByteRange> ranges, std::uint64_t gap);

}  // namespace spoolmq

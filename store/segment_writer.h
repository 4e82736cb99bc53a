#pragma once
// Writes one handle's binary spool files (FORMAT.md section 4).
//   start : a new file: unnamed → header and first group → fdatasync → name into the handle record
//   →
//           linkat → fsync of the directory. Then the caller may say "sent".
//   append: pwrite of one group at the tail → fdatasync → durable_end into the handle record.
// After an error the file is given up at its last durable group and never written or synced again.
// Not thread-safe: the group-commit leader calls it.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/clock.h"
#include "core/file_system.h"
#include "core/id_source.h"
#include "core/record_codec.h"
#include "store/handle_table.h"
#include "store/index.h"
#include "store/queue_dir.h"
#include "store/sync_meter.h"

namespace spoolmq {

class SegmentWriter {
 public:
  struct Written {
    File& file;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  // `before_sync` is told of each group that append() has written and is about to sync.
  SegmentWriter(QueueDir& dir, HandleTable& handles, IdSource& ids, const Clock& clock,
                SyncMeter& syncs, std::function<void(const Written&)> before_sync)
      : dir_(dir),
        handles_(handles),
        ids_(ids),
        clock_(clock),
        syncs_(syncs),
        before_sync_(std::move(before_sync)) {}

  struct Record {
    const Message* message = nullptr;
    std::uint16_t flags = 0;
  };

  [[nodiscard]] bool is_open() const { return file_ != nullptr; }
  [[nodiscard]] bool is_full() const;  // reached its length: to be sealed
  [[nodiscard]] const MessageId& id() const { return id_; }
  [[nodiscard]] std::uint64_t end() const { return end_; }
  [[nodiscard]] std::int64_t last_append_boot_ms() const { return last_append_boot_ms_; }

  // On return every record survives a power cut (kSync) or kill -9 (kOs).
  std::vector<Location> start(std::span<const Record> group, Durability durability);
  std::vector<Location> append(std::span<const Record> group, Durability durability);
  // The bytes of a record of the last group.
  [[nodiscard]] std::span<const std::byte> bytes_of(const Location& at) const;
  // Cuts the file to its length; the caller marks it sealed in the index. Its rows must be there.
  void finish();

 private:
  std::vector<Location> encode_group(std::span<const Record> group, std::uint64_t at);
  void reserve_up_to(std::uint64_t end);
  void give_up();
  void remove_left();

  QueueDir& dir_;
  HandleTable& handles_;
  IdSource& ids_;
  const Clock& clock_;
  SyncMeter& syncs_;
  std::function<void(const Written&)> before_sync_;
  std::unique_ptr<File> file_;
  MessageId id_;
  struct Left {
    std::string name;       // empty: nothing
    std::uint64_t end = 0;  // what lies behind it was refused; 0: all of it
  };
  Left left_;                     // what could not be taken away yet
  bool is_synced_ = false;        // all that was appended
  bool name_is_durable_ = false;  // false: only messages of durability os so far
  std::uint64_t end_ = 0;         // the next group goes here
  std::uint64_t allocated_ = 0;   // the file's size, zeros behind end_
  std::uint64_t chunk_ = 0;       // how much the last allocation added
  std::uint32_t group_number_ = 0;
  std::int64_t last_append_boot_ms_ = 0;
  std::vector<std::byte> buffer_;  // what the last group put into the file …
  std::uint64_t buffer_at_ = 0;    // … from here
};

// Every group of a segment is durable up to `end`, and there will be no more: an empty one goes
// there, which says so, and what lies behind it is cut off. Where there is no room for it, without.
void seal_file(File& file, const MessageId& id, std::uint64_t end);
bool has_seal_before(File& file, const MessageId& id, std::uint64_t end);

// Names an unnamed (or temporary) file in its shard; false if the name is taken.
class NewFile {
 public:
  // Falls back to a temporary name that carries the incarnation where O_TMPFILE is not supported;
  // the handle record says so first, so that whoever reaps it looks for them.
  NewFile(QueueDir& dir, std::uint8_t shard, HandleTable& handles);
  // A file that is there already becomes ours: it gets a temporary name here at once, and with its
  // final one the queue's owner and mode, as far as the process may. nullopt where the kernel
  // refuses the name (another's file, another mount).
  static std::optional<NewFile> adopt(QueueDir& dir, std::uint8_t shard, HandleTable& handles,
                                      std::unique_ptr<File> given);
  ~NewFile();
  NewFile(NewFile&&) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  File& file() { return *file_; }
  Dir& shard() { return *shard_; }
  [[nodiscard]] bool link(const std::string& name);
  // As link, in another directory of the file system; the file is then named from there.
  [[nodiscard]] bool link_in(Dir& other, const std::string& name);
  std::unique_ptr<File> release() { return std::move(file_); }

 private:
  NewFile(QueueDir& dir, std::uint8_t shard, std::unique_ptr<File> given);
  void name_temporarily(HandleTable& handles);

  QueueDir* dir_;
  Dir* shard_;
  std::unique_ptr<File> file_;
  bool adopted_ = false;
  std::string temporary_;  // empty: unnamed
};

}  // namespace spoolmq

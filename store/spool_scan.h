#pragma once
// Reads binary spool files from the front, as recovery, reaping and rebuild do; damage is stepped
// over record by record (FORMAT.md section 4.3).

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "core/file_system.h"
#include "core/record_codec.h"
#include "spoolmq/message.h"
#include "store/index.h"

namespace spoolmq {

struct ScannedRecord {
  Location at;
  Message message;
  std::uint16_t flags = 0;
};

struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool operator==(const ByteRange&) const = default;
};

struct ScanResult {
  // Behind the last group that counts; the next group would stand here.
  std::uint64_t valid_end = record::kFileHeaderBytes;
  // Something other than zeros follows valid_end: a group that was never finished.
  bool has_tail = false;
  std::vector<ByteRange> damaged;  // bytes below valid_end that do not verify
  // Among them, records whose header is whole: messages that are known to be corrupt.
  std::vector<std::pair<MessageId, Location>> corrupt;
};

// Scans [from, limit) of the file `id`; `from` is a group's start (or the file header's end).
// Bytes below `promised_end` were confirmed or are named by a row or a verdict: damage there is
// damage; a bad last group above it is an unfinished tail, and none of its records is visited.
// `limit`: not one byte beyond is looked at (a living sender may be writing there).
ScanResult scan_segment(File& file, const MessageId& id, std::uint64_t from, std::uint64_t limit,
                        std::uint64_t promised_end,
                        const std::function<void(ScannedRecord&&)>& visit);

// Whether this is one message's own file with something in it: it got its name only when all of it
// was written, so whatever does not verify in it is damage, never an unfinished tail.
bool is_own_file(File& file, const MessageId& id);
// Where its record is.
Location own_record_of(const MessageId& id, std::uint64_t file_size);

}  // namespace spoolmq

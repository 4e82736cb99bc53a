#pragma once
// Copies of files, byte for byte and synced.

#include <cstdint>
#include <limits>
#include <string_view>

#include "core/file_system.h"
#include "store/queue_dir.h"

namespace spoolmq {

inline constexpr std::uint64_t kWholeFile = std::numeric_limits<std::uint64_t>::max();

// The first `length` bytes of `from` (fewer, if it ends before) into the empty file `to`, sharing
// blocks where the file system can (FICLONE).
void copy_file(File& from, std::uint64_t length, File& to);

// The file of that name in `from`, if there is one, in `into`, which is in the queue `to`.
void copy_named(Dir& from, std::string_view name, QueueDir& to, Dir& into);

// From one queue's directory to another's: damaged bytes and unfinished tails; not the former index
// that a rebuild has put beside them.
void copy_kept_bytes(Dir& from, QueueDir& to);

struct FileDigest {
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0;  // XXH3, seed 0
};
FileDigest digest_file(File& file);

}  // namespace spoolmq

#pragma once
// The spool files of a queue's directory, and what tells one set of them from another.

#include <cstdint>
#include <functional>
#include <vector>

#include "core/file_system.h"
#include "core/names.h"

namespace spoolmq {

// Each shard that there is in the directory `msgs`, by number.
void for_each_shard(Dir& messages, const std::function<void(std::uint8_t number, Dir&)>& visit);

// Sorted by name. A body that is named before its spool file is never missed: bodies are listed
// after the others.
std::vector<names::SpoolName> list_spool_files(Dir& shard);

struct SpoolDigest {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t names = 0;  // XXH3 of "xx/NAME LENGTH\n" of each, shards and names sorted, seed 0
  bool operator==(const SpoolDigest&) const = default;
};
SpoolDigest digest_spool_files(Dir& messages);

}  // namespace spoolmq

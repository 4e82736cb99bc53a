#pragma once
// backup.json: what a backup must be made of for it to be one (FORMAT.md section 12). Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "spoolmq/topic.h"

namespace spoolmq {

struct BackupManifest {
  struct Small {
    std::string name;  // "queue.toml" "verdicts.log" "imports.db" "paused"
    std::uint64_t bytes = 0;
    std::uint64_t checksum = 0;  // XXH3 of them, seed 0
    bool operator==(const Small&) const = default;
  };
  struct Queue {
    std::string name;
    std::uint64_t generation = 0;  // of its index
    std::int64_t messages = 0;     // rows that are not settled
    std::uint64_t ids = 0;         // IndexDigest::ids
    std::uint64_t files = 0;       // spool files
    std::uint64_t bytes = 0;       // in them
    std::uint64_t names = 0;       // XXH3 of "xx/NAME LENGTH\n" of each, sorted, seed 0
    std::vector<Small> small;
    bool operator==(const Queue&) const = default;
  };
  std::int64_t made_at_ms = 0;
  std::vector<Queue> queues;
  std::vector<Binding> bindings;  // of these queues
  bool operator==(const BackupManifest&) const = default;
};

std::string format_manifest(const BackupManifest& manifest);

struct NotAManifest {
  std::string why;
};
std::variant<BackupManifest, NotAManifest> parse_manifest(std::string_view text);

inline constexpr std::size_t kLongestManifest = 64 << 20;  // bytes

}  // namespace spoolmq

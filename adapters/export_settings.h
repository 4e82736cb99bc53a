#pragma once
// What one export does, as the command line's options and the keys of spoolmq.toml say it.
// A plain value.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "adapters/adapter_keys.h"
#include "adapters/export_name.h"

namespace spoolmq::adapters {

enum class IfTaken : std::uint8_t {
  kFail,       // the message stays in the queue and is counted
  kSuffix,     // stem.1.ext, stem.2.ext, …
  kReplace,    // the older file goes
  kSkip,       // the older file stays; the message is acknowledged
  kSkipEqual,  // so if its bytes are the same, otherwise as kSuffix
};

inline constexpr std::string_view kSha256 = "sha256";

struct ExportSettings {
  std::string queue;
  std::string directory;
  NameTemplate name = NameTemplate::parse(kDefaultNameTemplate);
  IfTaken if_taken = IfTaken::kFail;
  std::optional<std::uint32_t> mode;  // exactly these permission bits; none: 0644 less the umask
  std::string group;                  // of the files; empty: the directory's or the process's
  bool restore_mtime = false;         // from the header mtime
  std::string done_file;              // template of {name} {stem} {ext}; empty: none
  std::string checksum;               // kSha256: NAME.sha256 as sha256sum(1) writes it; empty: none
  bool append = false;                // one growing file, `name` is its template
  std::uint64_t rotate_size = 0;      // bytes; 0: never
  std::chrono::milliseconds rotate_every{0};
  std::string separator = "\n";        // of appended messages, where a body does not end in it
  std::optional<std::uint64_t> limit;  // of messages in one pass
};

// The keys, but for type, queue and directory, which every adapter has. `name` is the template on
// the command line; in spoolmq.toml that is the adapter's own name, and the template `file-name`.
std::span<const AdapterKey> export_keys();
// Checks each value and what goes together. Throws Error(kUsage).
ExportSettings parse_export_settings(std::string queue, std::string directory,
                                     std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

#pragma once
// What one import does, as the command line's options and the keys of spoolmq.toml say it.
// A plain value.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/adapter_keys.h"
#include "adapters/path_template.h"
#include "adapters/split.h"
#include "spoolmq/message.h"
#include "watcher/readiness.h"

namespace spoolmq::adapters {

enum class AfterImport : std::uint8_t { kRemove, kKeep, kMoveToDone };
enum class ImportOrder : std::uint8_t { kName, kMtime };  // ties: by name

inline constexpr std::string_view kGuess = "guess";

struct ImportSettings {
  std::string queue;
  std::string directory;
  watcher::ReadinessOptions ready;
  // Shell patterns; one with a '/' is matched against the relative path, others against the name.
  std::vector<std::string> include;  // none: every name
  std::vector<std::string> exclude;
  std::uint64_t min_size = 0;  // bytes
  std::uint64_t max_size = UINT64_MAX;
  std::chrono::milliseconds min_age{0};  // since its mtime
  std::chrono::milliseconds max_age{0};  // 0: no limit
  ImportOrder order = ImportOrder::kMtime;
  std::size_t depth = 0;  // levels of subdirectories; `recursive` is 64
  std::chrono::milliseconds rescan{30'000};
  std::vector<std::pair<std::string, PathTemplate>> headers;  // besides name, path, mtime, …
  std::string content_type;  // header content-type; "guess"; empty: the queue's
  std::string charset;       // added to it
  std::uint16_t priority = kDefaultPriority;
  SplitRule split;
  AfterImport after = AfterImport::kRemove;
  // Directories on the file system of `directory`; relative ones start there. `done` is a template
  // of dates; what it names is made where it is missing.
  std::string done;
  std::string errors;           // empty: refused files stay
  bool trusted = false;         // its writers may do what we may: files are taken without a copy
  std::uint64_t high_mark = 0;  // ready messages above which files stay; 0: the queue's capacity
  std::uint64_t low_mark = 0;   // where it goes on; 0: half of high_mark
};

inline constexpr std::size_t kMaxImportDepth = 64;
inline constexpr std::size_t kMaxImportPatterns = 1024;  // of each kind
// Headers that every import sets itself; the key `header` may not.
inline constexpr std::string_view kImportHeaders[] = {
    "name", "path", "mtime", "mode", "owner", "source", "content-type", "record", "line"};

// The keys, but for type, name, queue and directory, which every adapter has.
std::span<const AdapterKey> import_keys();
// Checks each value and what goes together. Throws Error(kUsage).
ImportSettings parse_import_settings(std::string queue, std::string directory,
                                     std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

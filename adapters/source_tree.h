#pragma once
// The imported directory and what is below it, as capabilities: a path "a/b/name" is walked one
// directory at a time, each opened below the last without following a link, so that no name a
// stranger chose can lead out of the tree. Directories on other file systems are not entered.
// Throws Error where the root itself cannot be used. Not thread-safe.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "core/file_system.h"

namespace spoolmq::adapters {

struct SplitPath {
  std::string_view directory;  // "" at the top
  std::string_view name;
};
SplitPath split_path(std::string_view relative);
std::string join_path(std::string_view directory, std::string_view name);

class SourceTree {
 public:
  explicit SourceTree(Dir& root);

  [[nodiscard]] Dir& root() { return root_; }
  // "" is the root. nullptr: it is not there (any more), or no directory, or may not be entered.
  // Good until the next call.
  Dir* directory(std::string_view relative);
  // The same; sync() will sync it.
  Dir* changing(std::string_view directory);
  // On return every change below survives a power cut.
  void sync();
  // Opened directories may have been moved or replaced since: the next use looks again.
  void refresh();

 private:
  Dir* walk(std::string_view relative);

  Dir& root_;
  const std::uint64_t device_;
  std::unordered_map<std::string, std::unique_ptr<Dir>> open_;  // below the root
  std::unordered_set<std::string> unsynced_;                    // all of them open, or ""
};

}  // namespace spoolmq::adapters

#pragma once
// Where imported and refused files go: `done`, `errors`. The first parts of its path are plain and
// made when it is opened; the rest may be a template, and is made when it is first used. Files are
// renamed into it, so it must be on the imported directory's file system.
// Throws Error. Not thread-safe.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "adapters/path_template.h"
#include "core/file_system.h"

namespace spoolmq::adapters {

// Permission bits of a file made in it: ours to write, read by whoever may list the directory, so
// that those whose files come back can see why.
std::uint32_t file_mode_in(Dir& directory);

class SideDirectory {
 public:
  // `base` is there; below it, `inner` says where (empty: base itself).
  SideDirectory(std::unique_ptr<Dir> base, std::optional<PathTemplate> inner);
  enum class IfMissing : std::uint8_t { kMake, kNone };
  // `path`: absolute, or relative to `source`. Error(kUsage) where its first part is a template,
  // it is `source` itself, or on another file system. nullopt: it is missing and not to be made.
  static std::optional<SideDirectory> open(Dir& source, const std::string& path,
                                           std::string_view option, IfMissing if_missing);

  [[nodiscard]] Dir& base() { return *base_; }
  // For a file of that relative path, now. Good until the next call.
  Dir& at(std::string_view relative_path, std::int64_t wall_ms);
  void sync();  // every directory that at() returned since

 private:
  Dir& make_below(const std::string& inner);

  std::unique_ptr<Dir> base_;
  std::optional<PathTemplate> inner_;
  std::unordered_map<std::string, std::unique_ptr<Dir>> used_;  // since the last sync
  bool base_used_ = false;
};

}  // namespace spoolmq::adapters

#include "adapters/source_tree.h"

#include <cerrno>

#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMaxOpenDirectories = 128;  // and what one walk adds

// open(2), O_DIRECTORY | O_NOFOLLOW: a file or a link stands there, or we may not enter.
bool is_no_directory_for_us(const Error& error) {
  return error.error_number() == ENOTDIR || error.error_number() == ELOOP ||
         error.code() == ErrorCode::kPermission;
}

std::unique_ptr<Dir> enter(Dir& parent, std::string_view name, std::uint64_t device) {
  try {
    std::unique_ptr<Dir> found = parent.open_dir(name);
    if (found && found->status().device != device) return nullptr;
    return found;
  } catch (const Error& error) {
    if (!is_no_directory_for_us(error)) throw;
    log::debug("did not enter a directory", {{"path", error.subject()}, {"why", error.why()}});
    return nullptr;
  }
}

}  // namespace

SplitPath split_path(std::string_view relative) {
  const std::size_t slash = relative.rfind('/');
  if (slash == std::string_view::npos) return {{}, relative};
  return {relative.substr(0, slash), relative.substr(slash + 1)};
}

std::string join_path(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.empty()) path += '/';
  return path.append(name);
}

SourceTree::SourceTree(Dir& root) : root_(root), device_(root.status().device) {}

Dir* SourceTree::directory(std::string_view relative) {
  if (open_.size() > kMaxOpenDirectories) refresh();
  return walk(relative);
}

Dir* SourceTree::walk(std::string_view relative) {
  if (relative.empty()) return &root_;
  const std::string key(relative);
  if (const auto found = open_.find(key); found != open_.end()) return found->second.get();
  const SplitPath split = split_path(relative);
  Dir* const parent = walk(split.directory);
  if (parent == nullptr) return nullptr;
  std::unique_ptr<Dir> entered = enter(*parent, split.name, device_);
  if (!entered) return nullptr;
  Dir* const found = entered.get();
  open_.emplace(key, std::move(entered));
  return found;
}

Dir* SourceTree::changing(std::string_view relative) {
  Dir* const found = directory(relative);
  if (found != nullptr) unsynced_.emplace(relative);
  return found;
}

void SourceTree::sync() {
  for (const std::string& relative : unsynced_) {
    if (Dir* const changed = walk(relative)) changed->sync();
  }
  unsynced_.clear();
}

void SourceTree::refresh() {
  sync();
  open_.clear();
}

}  // namespace spoolmq::adapters

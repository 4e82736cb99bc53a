#include "store/aside_dir.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "core/id_source.h"
#include "core/log.h"
#include "core/text.h"
#include "spoolmq/error.h"
#include "store/remove_tree.h"

namespace spoolmq {
namespace {

constexpr int kMostTries = 5;

bool is_of(const AsideDir::Kind& kind, std::string_view name) {
  return name.starts_with(kind.prefix) && parse_hex16(name.substr(kind.prefix.size()));
}

// Its maker may be between the directory and the key file: only an empty one is taken from him.
void remove_if_empty(Dir& parent, const std::string& name) {
  try {
    parent.remove_dir(name);
  } catch (const Error& error) {
    if (error.error_number() != ENOTEMPTY) throw;
  }
}

void remove_if_dead(Dir& parent, const std::string& name, std::string_view key_file) {
  const std::unique_ptr<Dir> left = parent.open_dir(name);
  if (!left) return;
  const std::unique_ptr<File> key = left->open(key_file, Access::kReadWrite);
  if (!key) return remove_if_empty(parent, name);
  if (!key->try_lock(0, 1, LockKind::kExclusive)) return;
  remove_tree(parent, name);
  log::info("removed what a killed process left", {{"directory", parent.path() + "/" + name}});
}

}  // namespace

AsideDir::AsideDir(Dir& parent, const Kind& kind, const Modes& modes) : parent_(parent) {
  for (int tries = 1; !make(kind, modes); ++tries) {
    if (tries < kMostTries) continue;
    throw Error(ErrorCode::kTryAgain, "create", parent.path() + "/" + name_,
                "another process took it for a leaving and removed it");
  }
}

AsideDir::AsideDir(AsideDir&& other) noexcept
    : parent_(other.parent_),
      name_(std::exchange(other.name_, {})),
      dir_(std::move(other.dir_)),
      key_file_(std::move(other.key_file_)) {}

bool AsideDir::make(const Kind& kind, const Modes& modes) {
  name_ = std::string(kind.prefix) + hex16(random_bits());
  if (!parent_.make_dir(name_, modes.directory)) return false;
  dir_ = parent_.open_dir(name_);
  if (!dir_) return false;
  try {
    key_file_ = dir_->create(kind.key_file, modes.key_file, IfExists::kFail);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) return false;
    parent_.remove_dir(std::exchange(name_, {}));
    throw;
  }
  return key_file_->try_lock(0, 1, LockKind::kExclusive);
}

AsideDir::~AsideDir() {
  if (name_.empty()) return;
  try {
    remove_tree(parent_, name_);
  } catch (const Error& error) {
    log::warn("unfinished directory left behind", {{"name", name_}, {"why", error.why()}});
  }
}

bool AsideDir::commit(std::string_view name) {
  dir_->sync();
  if (!parent_.rename_new(name_, parent_, name)) return false;
  name_.clear();
  parent_.sync();
  return true;
}

void AsideDir::clean_up(Dir& parent, const Kind& kind) {
  std::vector<std::string> found;
  parent.list([&](std::string_view name) {
    if (is_of(kind, name)) found.emplace_back(name);
    return true;
  });
  for (const std::string& name : found) {
    try {
      remove_if_dead(parent, name, kind.key_file);
    } catch (const Error& error) {
      log::warn("leavings not removed", {{"name", name}, {"why", error.why()}});
    }
  }
}

}  // namespace spoolmq

#include "store/queue_dir.h"

#include <grp.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "core/log.h"
#include "spoolmq/error.h"
#include "store/ownership.h"

namespace spoolmq {
namespace {

std::optional<std::uint32_t> group_id(const std::string& name) {
  if (name.empty()) return std::nullopt;
  const group* const found = ::getgrnam(name.c_str());
  if (found == nullptr) {
    throw Error(ErrorCode::kConfiguration, "create", name, "no such group");
  }
  return found->gr_gid;
}

}  // namespace

std::uint32_t directory_mode(std::uint32_t mode) { return mode | ((mode & 0444) >> 2) | 0700; }

QueueOwner owner_of_new_queue(Dir& root, const Settings& settings) {
  const std::optional<std::uint32_t> group = group_id(settings.group);
  const FileStatus status = root.status();
  const std::uint32_t uid = ::geteuid() == 0 ? status.uid : ::geteuid();
  return {uid, group.value_or(status.gid), group.has_value() || uid != ::geteuid(),
          directory_mode(settings.mode) | (group ? 02000U : 0U)};
}

void QueueOwner::give(Dir& made) const {
  if (is_other) made.set_owner(uid, gid);
}

void QueueOwner::give(File& made) const {
  if (is_other) made.set_owner(uid, gid);
}

QueueDir::QueueDir(std::shared_ptr<Dir> dir, const Settings& settings)
    : dir_(std::move(dir)), mode_(settings.mode) {
  owner_ = require_private(*dir_);
  give_away_ = geteuid() == 0 ? owner_.uid != 0 || owner_.gid != getegid()
                              : owner_.gid != getegid() && (mode_ & 0060) != 0;
  messages_ = dir_->open_dir(names::kMessages);
  if (!messages_) messages_ = made(names::kMessages);
  require_private(*messages_);
}

FileStatus QueueDir::require_private(Dir& dir) const {
  const FileStatus status = dir.status();
  if ((status.mode & 0022 & ~directory_mode(mode_)) != 0) {
    throw Error(ErrorCode::kPermission, "open", dir.path(),
                "others can write to this directory, which the queue's mode does not allow");
  }
  return status;
}

std::unique_ptr<Dir> QueueDir::made(std::string_view name) {
  const bool is_new = dir_->make_dir(name, directory_mode(mode_));
  std::unique_ptr<Dir> dir = dir_->open_dir(name);
  if (!dir)
    throw Error(ErrorCode::kIo, "open", dir_->path() + "/" + std::string(name), "not a directory");
  if (is_new) {
    own(*dir);
    dir_->sync();
  }
  return dir;
}

Dir* QueueDir::existing_shard(std::uint8_t shard) {
  const std::lock_guard guard(mutex_);
  if (!shards_[shard]) {
    std::unique_ptr<Dir> dir = messages_->open_dir(names::shard_directory(shard));
    if (dir) require_private(*dir);
    shards_[shard] = std::move(dir);
  }
  return shards_[shard].get();
}

Dir& QueueDir::shard(std::uint8_t shard) {
  const std::lock_guard making(making_mutex_);
  if (in_doubt_[shard]) {
    take_back(shard);
  } else if (Dir* const existing = existing_shard(shard)) {
    return *existing;
  }
  in_doubt_.set(shard);
  try {
    Dir& made = made_shard(shard);
    in_doubt_.reset(shard);
    return made;
  } catch (const Error&) {
    try {
      take_back(shard);
      in_doubt_.reset(shard);
    } catch (const Error& error) {
      log::warn("a directory without a durable name is left",
                {{"shard", names::shard_directory(shard)}, {"why", error.what()}});
    }
    throw;
  }
}

// Its name is durable before anything in it is promised; whoever lost the race syncs it too.
Dir& QueueDir::made_shard(std::uint8_t shard) {
  const std::string name = names::shard_directory(shard);
  const bool is_new = messages_->make_dir(name, directory_mode(mode_));
  std::unique_ptr<Dir> dir = messages_->open_dir(name);
  if (!dir) throw Error(ErrorCode::kIo, "open", messages_->path() + "/" + name, "not a directory");
  if (is_new) own(*dir);
  messages_->sync();
  const std::lock_guard guard(mutex_);
  if (!shards_[shard]) shards_[shard] = std::move(dir);
  return *shards_[shard];
}

void QueueDir::take_back(std::uint8_t shard) {
  try {
    messages_->remove_dir(names::shard_directory(shard));
  } catch (const Error& error) {
    // Another process found it and put something there: it stays, and is synced once more.
    if (error.error_number() != ENOTEMPTY && error.error_number() != EEXIST) throw;
    return;
  }
  const std::lock_guard guard(mutex_);
  if (shards_[shard]) taken_back_.push_back(std::move(shards_[shard]));
}

void QueueDir::sync_shard_names() { messages_->sync(); }

void QueueDir::own(File& file) {
  if (give_away_) give_owner(file, owner_);
}

void QueueDir::own(Dir& dir) {
  if (give_away_) give_owner(dir, owner_);
}

void QueueDir::take_over(File& file) {
  const FileStatus status = file.status();
  const std::uint32_t uid = geteuid() == 0 ? owner_.uid : status.uid;
  try {
    if (uid != status.uid || owner_.gid != status.gid) file.set_owner(uid, owner_.gid);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kPermission) throw;  // it keeps its owner
  }
  try {
    if (status.mode != mode_) file.set_mode(mode_);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kPermission) throw;
  }
}

bool QueueDir::is_alike(const FileStatus& file) const {
  const std::uint32_t uid = geteuid() == 0 ? owner_.uid : geteuid();
  return file.device == owner_.device && file.mode == mode_ && file.uid == uid &&
         file.gid == owner_.gid;
}

std::unique_ptr<File> QueueDir::create(Dir& in, std::string_view name, IfExists if_exists) {
  std::unique_ptr<File> file = in.create(name, mode_, if_exists);
  own(*file);
  return file;
}

std::unique_ptr<File> QueueDir::open_or_create(std::string_view name) {
  if (std::unique_ptr<File> file = dir_->open(name, Access::kReadWrite)) return file;
  return create(*dir_, name, IfExists::kOpen);
}

}  // namespace spoolmq

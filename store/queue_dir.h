#pragma once
// One queue's directory as a capability: its shards, and the owner and permission bits of whatever
// is made in it. What root makes in another user's queue gets the queue's owner and group; the
// umask never matters. Thread-safe.

#include <array>
#include <bitset>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/file_system.h"
#include "core/names.h"
#include "spoolmq/id.h"
#include "spoolmq/settings.h"

namespace spoolmq {

// Permission bits of a directory whose files have `mode`: x wherever r is.
std::uint32_t directory_mode(std::uint32_t mode);

// Whose a queue is that is made under `root` with these settings, and its directory's bits.
struct QueueOwner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool is_other = false;  // than what the process makes by itself
  std::uint32_t directory_mode = 0;
  void give(Dir& made) const;
  void give(File& made) const;
};
// Throws Error(kConfiguration) where there is no such group.
QueueOwner owner_of_new_queue(Dir& root, const Settings& settings);

class QueueDir {
 public:
  // Throws Error(kPermission) if others than the settings allow can write to it.
  QueueDir(std::shared_ptr<Dir> dir, const Settings& settings);

  Dir& dir() { return *dir_; }
  [[nodiscard]] const std::shared_ptr<Dir>& shared() const { return dir_; }
  [[nodiscard]] const std::string& path() const { return dir_->path(); }
  [[nodiscard]] std::uint32_t mode() const { return mode_; }

  // msgs/xx; made (durably: msgs is synced) when missing. One whose name could not be made durable
  // is made anew by the next call: a later sync that succeeds would prove nothing.
  Dir& shard(std::uint8_t shard);
  Dir* existing_shard(std::uint8_t shard);
  // For a shard that someone made who may have died before it was durable.
  void sync_shard_names();
  // A directory of bytes kept, made when missing: "corrupt".
  std::unique_ptr<Dir> made(std::string_view name);

  // Gives what was just made in this queue the queue's owner.
  void own(File& file);
  void own(Dir& dir);
  // Gives a file that another made the queue's owner and mode, as far as the process may.
  void take_over(File& file);
  // Whether this file is as one that the process would make here: owner, group, mode, file system.
  [[nodiscard]] bool is_alike(const FileStatus& file) const;
  std::unique_ptr<File> create(Dir& in, std::string_view name, IfExists if_exists);
  // Opens a small file of the queue itself, making it when missing.
  std::unique_ptr<File> open_or_create(std::string_view name);

 private:
  FileStatus require_private(Dir& dir) const;
  Dir& made_shard(std::uint8_t shard);
  void take_back(std::uint8_t shard);

  std::shared_ptr<Dir> dir_;
  std::unique_ptr<Dir> messages_;
  const std::uint32_t mode_;
  FileStatus owner_;           // of the queue's directory
  bool give_away_ = false;     // what we make is not the queue's by itself
  std::mutex making_mutex_;    // one makes a shard at a time; guards in_doubt_; taken before mutex_
  std::bitset<256> in_doubt_;  // made by us, and not known to be durable
  std::mutex mutex_;           // guards what follows
  std::array<std::unique_ptr<Dir>, 256> shards_;
  std::vector<std::unique_ptr<Dir>> taken_back_;  // others may still look at them
};

}  // namespace spoolmq

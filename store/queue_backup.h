#pragma once
// One queue's part of a backup. Order of work, over all queues of the backup (FORMAT.md section
// 12):
//   construct    nothing of the queue goes from here on
//   copy_index   what is acknowledged is decided
//   list_files   what is sent is decided; after *every* queue's index, so that a message whose way
//                led from one queue to another is in at least one of them
//   copy_files   spool files, verdicts.log and the small files; then the queue is free again
//   settle       the copy recovers as after a power cut, is checked, and put to rest
// Not thread-safe.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "spoolmq/backup.h"
#include "store/backup_manifest.h"
#include "store/queue_impl.h"

namespace spoolmq {

class QueueBackup {
 public:
  // Makes the copy's directory in `queues`.
  QueueBackup(std::shared_ptr<QueueImpl> from, Dir& queues, BackupBytes bytes);

  [[nodiscard]] const std::string& name() const { return from_->name(); }
  bool was_removed() { return from_->was_removed(); }

  void copy_index();
  void list_files();
  void copy_files();
  // `backup` is the root that the copy is in.
  BackupManifest::Queue settle(std::shared_ptr<Dir> backup, const std::shared_ptr<Clock>& clock);
  [[nodiscard]] std::uint64_t shared_files() const { return shared_files_; }

 private:
  void copy_shard(std::uint8_t shard);
  void copy_spool_file(Dir& from, Dir& to, const names::SpoolName& name);
  bool may_share(const names::SpoolName& name);
  std::uint64_t whole_groups(File& file, const MessageId& id);
  void end_leases();

  std::shared_ptr<QueueImpl> from_;
  std::shared_ptr<Dir> to_;
  const Settings settings_;
  const BackupBytes bytes_;
  std::unique_ptr<QueueImpl::Stillness> still_;
  std::unique_ptr<Dir> messages_;  // of the original
  std::unique_ptr<QueueDir> copy_;
  std::unique_ptr<Index> index_;  // of the copy, until it is settled
  bool has_unsynced_ = false;     // messages of durability os
  std::array<std::vector<names::SpoolName>, 256> listed_;
  std::uint64_t shared_files_ = 0;
};

}  // namespace spoolmq

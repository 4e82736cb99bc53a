#pragma once
// One queue's way out of a backup: copied and compared with the manifest under a temporary name
// beside the root's queues, recovered, every message read; named when all queues of the backup have
// come so far. Not thread-safe.

#include <cstdint>
#include <memory>
#include <string>

#include "spoolmq/backup.h"
#include "store/aside_dir.h"
#include "store/backup_manifest.h"
#include "store/queue_dir.h"
#include "store/queue_impl.h"
#include "store/root_impl.h"

namespace spoolmq {

class QueueRestore {
 public:
  struct Source {
    const BackupManifest::Queue& promised;
    Dir& queues;  // of the backup
  };
  // On return the whole copy is durable. Throws Error(kBadData) if it is not what was promised.
  QueueRestore(RootImpl& root, Dir& queues, const Source& source, std::string name,
               const RestoreOptions& options);

  [[nodiscard]] const Restored& result() const { return result_; }
  // Error(kCannotCreate) if there is such a queue by now.
  void commit();

  static void clean_up(Dir& queues);

 private:
  void copy(Dir& from, const BackupManifest::Queue& promised, QueueDir& to);
  void copy_small_files(Dir& from, const BackupManifest::Queue& promised, QueueDir& to);
  void copy_spool_files(Dir& from, const BackupManifest::Queue& promised, QueueDir& to);

  const std::string from_name_;
  const std::string name_;
  const Settings settings_;
  AsideDir aside_;
  Restored result_;
};

}  // namespace spoolmq

#pragma once
// What becomes of a copied queue before anybody uses it: it recovers, as after a power cut, and is
// described. Not thread-safe.

#include <memory>
#include <vector>

#include "store/backup_manifest.h"
#include "store/queue_impl.h"

namespace spoolmq {

class CopiedQueue {
 public:
  CopiedQueue(QueuePlace place, const Settings& settings, std::shared_ptr<Clock> clock);

  // Rows for what has none, places of sends that never came returned, what is acknowledged removed.
  void recover();
  // As above; then every message is read. What does not verify is Error(kBadData), or becomes
  // `corrupt` with kRepair.
  QueueStats recover_and_check(FsckMode mode);
  // Nothing is left but what counts, with the index as one plain file; described. Throws Error(kIo)
  // if the index turns out to be damaged.
  BackupManifest::Queue put_to_rest();

 private:
  std::shared_ptr<QueueImpl> open();

  QueuePlace place_;
  const Settings settings_;
  const std::shared_ptr<Clock> clock_;
};

// Of a queue's directory that nobody uses: the small files that are there, in the manifest's order.
std::vector<BackupManifest::Small> describe_small_files(Dir& dir);
// The newest there is; 0: none.
std::uint64_t index_generation(Dir& dir);

}  // namespace spoolmq

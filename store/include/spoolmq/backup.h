#pragma once
// Backups: a root's queues, as they are while work goes on, in a directory of their own; and back.
//
//   root.back_up({}, "/backup/monday");            // every queue
//   root.restore("/backup/monday");                // into a root that has none of these queues
//
// What was confirmed before back_up() began is in the backup, unless it was acknowledged; what was
// acknowledged before then does not come back. What happens meanwhile is in it or not, but a
// transaction is in it whole or not at all. A backup is there whole, or not at all: it is made
// under another name (`.spoolmq-backup-…`) and renamed when all of it is durable.
// It is a root of its own, to look at and no more: whatever would change it is refused.
// Errors: spoolmq::Error, as error.h says.

#include <cstdint>
#include <optional>
#include <string>

#include "spoolmq/queue.h"

namespace spoolmq {

enum class BackupBytes : std::uint8_t {
  // On the same file system a spool file that nobody writes to any more gets one more name, and is
  // not copied. What damages the one then damages the other.
  kShared,
  kOwn,  // copied (sharing blocks where the file system can)
};

struct BackupOptions {
  BackupBytes bytes = BackupBytes::kShared;
};

// Where a backup is, or is to be: a name in a directory.
struct BackupPlace {
  std::shared_ptr<Dir> parent;
  std::string name;
};

struct BackedUp {
  std::string queue;
  std::int64_t messages = 0;
  std::uint64_t files = 0;         // spool files
  std::uint64_t shared_files = 0;  // of them, those that are not copied
  std::uint64_t bytes = 0;         // in spool files
};

struct RestoreOptions {
  std::string as;  // another name for the only queue of the backup; its bindings stay behind
  // Messages that do not verify become `corrupt`, their bytes kept; else they are refused.
  bool accept_damage = false;
};

struct Restored {
  std::string queue;
  std::int64_t messages = 0;
  std::int64_t corrupt = 0;
};

}  // namespace spoolmq

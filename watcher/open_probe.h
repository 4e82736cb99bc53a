#pragma once
// Who else uses this open file: does anyone have it open for writing, does anyone hold a lock on
// it? The answers are the kernel's of this moment; only a held ReadLease makes one last. Throws
// Error. Not thread-safe for one File.

#include <cstdint>

#include "core/file_system.h"

namespace spoolmq::watcher {

enum class Writers : std::uint8_t {
  kNone,  // nobody has the file open for writing
  kSome,
  kUnknown,  // not our file (fcntl(2): that takes CAP_LEASE), or the file system does not know
};

// Holds a read lease while it lives: whoever wants to open the file for writing, or to truncate it,
// waits until it is given up, at most /proc/sys/fs/lease-break-time (45 s). `file` must be open for
// reading only and outlive it; one lease at a time of one File. A File without a descriptor, which
// no other process can have open, has no writers.
class ReadLease {
 public:
  explicit ReadLease(File& file);
  ReadLease(const ReadLease&) = delete;
  ReadLease& operator=(const ReadLease&) = delete;
  ~ReadLease();

  [[nodiscard]] Writers writers() const { return writers_; }
  // True while the lease is held and nobody waits for its end.
  [[nodiscard]] bool is_undisturbed() const;

 private:
  int descriptor_;
  Writers writers_;
};

// Whether another program holds a record lock (classic or of an open file description, fcntl(2)) on
// any byte, or an exclusive flock(2). On local file systems neither kind sees the other, hence both
// are asked for; over NFS they are one.
// A shared flock is a reader's and does not count. A shared record lock counts: it belongs to a
// program that takes part in locking this file, and may become exclusive at any moment.
// Asking for an exclusive flock takes a shared one for that moment, through `file`, which must hold
// none: a program that just then tries LOCK_EX | LOCK_NB is refused.
bool is_locked(File& file);

}  // namespace spoolmq::watcher

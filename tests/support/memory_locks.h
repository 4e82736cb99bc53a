#pragma once
// Record locks of one file of the in-memory twin, with the rules of open-file-description locks
// (fcntl(2)): an owner's new lock replaces what it held in the range; shared locks of different
// owners overlap, an exclusive one meets every other owner's. Guarded by the mutex of its Disk.

#include <cstdint>
#include <vector>

#include "core/file_system.h"

namespace spoolmq::test {

class RangeLocks {
 public:
  using Owner = const void*;

  // A length of 0 reaches to the end of every possible file, as in fcntl.
  bool try_lock(Owner owner, std::uint64_t offset, std::uint64_t length, LockKind kind);
  void unlock(Owner owner, std::uint64_t offset, std::uint64_t length);
  void release(Owner owner);
  [[nodiscard]] bool is_locked_by_another(Owner owner, std::uint64_t offset,
                                          std::uint64_t length) const;

 private:
  struct Held {
    Owner owner = nullptr;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    LockKind kind = LockKind::kShared;
  };

  std::vector<Held> held_;
};

}  // namespace spoolmq::test

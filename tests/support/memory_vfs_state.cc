#include "tests/support/memory_vfs_state.h"

#include <sqlite3.h>

namespace spoolmq::test {

bool DatabaseLocks::raise(Owner owner, int& held, int wanted) {
  if (held >= wanted) return true;
  if (held < SQLITE_LOCK_SHARED) {
    if (pending_ != nullptr) return false;
    ++shared_;
    held = SQLITE_LOCK_SHARED;
    if (wanted == SQLITE_LOCK_SHARED) return true;
  }
  if (held < SQLITE_LOCK_RESERVED) {
    if (is_reserved()) return false;
    reserved_ = owner;
    held = SQLITE_LOCK_RESERVED;
    if (wanted == SQLITE_LOCK_RESERVED) return true;
  }
  pending_ = owner;
  held = SQLITE_LOCK_PENDING;
  if (wanted == SQLITE_LOCK_PENDING) return true;
  if (shared_ > 1) return false;
  held = SQLITE_LOCK_EXCLUSIVE;
  return true;
}

void DatabaseLocks::lower(Owner owner, int& held, int wanted) {
  if (held <= wanted) return;
  if (pending_ == owner) pending_ = nullptr;
  if (reserved_ == owner) reserved_ = nullptr;
  if (wanted == SQLITE_LOCK_NONE) --shared_;
  held = wanted;
}

std::byte* SharedMemory::region(int number, int bytes, bool extend) {
  const auto index = static_cast<std::size_t>(number);
  if (index >= regions_.size()) {
    if (!extend) return nullptr;
    while (regions_.size() <= index) {
      regions_.push_back(std::make_unique<std::byte[]>(static_cast<std::size_t>(bytes)));
    }
  }
  return regions_[index].get();
}

bool SharedMemory::lock_shared(Held& held, unsigned mask) {
  if ((held.shared & mask) != 0) return true;
  if ((exclusive_ & mask) != 0) return false;
  for (unsigned slot = 0; slot < kSlots; ++slot) {
    if ((mask & (1U << slot)) != 0) ++readers_[slot];
  }
  held.shared |= mask;
  return true;
}

bool SharedMemory::lock_exclusive(Held& held, unsigned mask) {
  if ((exclusive_ & mask & ~held.exclusive) != 0) return false;
  for (unsigned slot = 0; slot < kSlots; ++slot) {
    if ((mask & (1U << slot)) == 0) continue;
    const int own = (held.shared & (1U << slot)) != 0 ? 1 : 0;
    if (readers_[slot] > own) return false;
  }
  exclusive_ |= mask;
  held.exclusive |= mask;
  return true;
}

void SharedMemory::unlock(Held& held, unsigned mask) {
  for (unsigned slot = 0; slot < kSlots; ++slot) {
    if ((mask & held.shared & (1U << slot)) != 0) --readers_[slot];
  }
  exclusive_ &= ~(mask & held.exclusive);
  held.shared &= ~mask;
  held.exclusive &= ~mask;
}

void SharedMemory::disconnect() {
  if (--connections_ == 0) regions_.clear();
}

}  // namespace spoolmq::test

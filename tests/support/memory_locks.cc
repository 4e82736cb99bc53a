#include "tests/support/memory_locks.h"

#include <algorithm>

namespace spoolmq::test {
namespace {

std::uint64_t end_of(std::uint64_t offset, std::uint64_t length) {
  return length == 0 ? UINT64_MAX : offset + length;
}

}  // namespace

bool RangeLocks::try_lock(Owner owner, std::uint64_t offset, std::uint64_t length, LockKind kind) {
  const std::uint64_t end = end_of(offset, length);
  const bool refused = std::any_of(held_.begin(), held_.end(), [&](const Held& held) {
    return held.owner != owner && held.begin < end && held.end > offset &&
           (kind == LockKind::kExclusive || held.kind == LockKind::kExclusive);
  });
  if (refused) return false;
  unlock(owner, offset, length);
  held_.push_back({owner, offset, end, kind});
  return true;
}

void RangeLocks::unlock(Owner owner, std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t end = end_of(offset, length);
  std::vector<Held> left;
  for (const Held& held : held_) {
    if (held.owner != owner || held.end <= offset || held.begin >= end) {
      left.push_back(held);
      continue;
    }
    if (held.begin < offset) left.push_back({owner, held.begin, offset, held.kind});
    if (held.end > end) left.push_back({owner, end, held.end, held.kind});
  }
  held_ = std::move(left);
}

void RangeLocks::release(Owner owner) {
  std::erase_if(held_, [&](const Held& held) { return held.owner == owner; });
}

bool RangeLocks::is_locked_by_another(Owner owner, std::uint64_t offset,
                                      std::uint64_t length) const {
  const std::uint64_t end = end_of(offset, length);
  return std::any_of(held_.begin(), held_.end(), [&](const Held& held) {
    return held.owner != owner && held.begin < end && held.end > offset;
  });
}

}  // namespace spoolmq::test

#include "adapters/robust_lock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "core/check.h"
#include "core/futex.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

}  // namespace

// The kernel looks at the list when the thread ends: it is emptied of us before we go.
RobustLock::~RobustLock() {
  if (thread_ != static_cast<std::uint32_t>(::gettid())) return;
  ::syscall(SYS_set_robust_list, nullptr, sizeof list_);
}

void RobustLock::tell_kernel() {
  list_.list.next = &list_.list;
  list_.futex_offset = 0;
  list_.list_op_pending = nullptr;
  if (::syscall(SYS_set_robust_list, &list_, sizeof list_) != 0) {
    throw Error::from_errno(errno, "set", "the list of robust locks");
  }
  thread_ = static_cast<std::uint32_t>(::gettid());
}

bool RobustLock::lock(milliseconds longest) {
  if (thread_ == 0) tell_kernel();
  const steady_clock::time_point end = steady_clock::now() + longest;
  const std::atomic_ref<std::uint32_t> word(word_);
  // From here on the kernel marks the word if we die and our id stands in it.
  list_.list_op_pending = reinterpret_cast<robust_list*>(&word_);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::uint32_t waiters = 0;
  while (true) {
    std::uint32_t seen = word.load(std::memory_order_relaxed);
    if ((seen & FUTEX_TID_MASK) == 0) {
      if (try_take(seen, waiters)) return true;
      continue;
    }
    const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
    if (left.count() <= 0) break;
    if ((seen & FUTEX_WAITERS) == 0 &&
        !word.compare_exchange_strong(seen, seen | FUTEX_WAITERS, std::memory_order_relaxed)) {
      continue;
    }
    wait_futex(word_, seen | FUTEX_WAITERS, left);
    waiters = FUTEX_WAITERS;  // others may sleep as we did: whoever unlocks wakes one
  }
  list_.list_op_pending = nullptr;
  return false;
}

bool RobustLock::try_take(std::uint32_t seen, std::uint32_t waiters) {
  const std::uint32_t mine = thread_ | waiters | (seen & FUTEX_WAITERS);
  return std::atomic_ref(word_).compare_exchange_strong(seen, mine, std::memory_order_acquire,
                                                        std::memory_order_relaxed);
}

void RobustLock::unlock() {
  const std::uint32_t was = std::atomic_ref(word_).exchange(0, std::memory_order_release);
  if ((was & FUTEX_WAITERS) != 0) wake_futex(word_, 1);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  list_.list_op_pending = nullptr;
}

std::uint32_t RobustLock::holder() const {
  return std::atomic_ref(word_).load(std::memory_order_relaxed) & FUTEX_TID_MASK;
}

}  // namespace spoolmq::adapters

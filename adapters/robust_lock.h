#pragma once
// The lock of a robust, process-shared pthread_mutex_t that lies in memory which strangers can
// write. Peers use it by pthread_mutex_lock(3) and pthread_mutex_consistent(3); we do not, because
// the C library keeps pointers of its list of held locks inside of the mutex, and follows them. All
// that both sides must agree on is the kernel's part of it (Documentation/locking/
// robust-futex-ABI.rst): the first word of the mutex is 0, or the holder's thread id, with bits for
// "somebody waits" and "its holder died". Our word is told to the kernel as the pending one of a
// list that is empty and lies in our own memory, so that a death of ours is told, too.
// An owner belongs to one thread, which holds no robust pthread_mutex_t besides.

#include <linux/futex.h>

#include <chrono>
#include <cstdint>

namespace spoolmq::adapters {

class RobustLock {
 public:
  explicit RobustLock(std::uint32_t& word) : word_(word) {}
  RobustLock(const RobustLock&) = delete;
  RobustLock& operator=(const RobustLock&) = delete;
  ~RobustLock();  // in its thread, or after that thread has ended

  // False: not within `longest`. A holder that died is succeeded.
  bool lock(std::chrono::milliseconds longest);
  void unlock();
  // Thread id of who has it; 0: nobody. What stands there, which may be anything.
  [[nodiscard]] std::uint32_t holder() const;

 private:
  bool try_take(std::uint32_t seen, std::uint32_t waiters);
  void tell_kernel();

  std::uint32_t& word_;
  std::uint32_t thread_ = 0;  // 0: the kernel does not know of the list yet
  robust_list_head list_{};
};

}  // namespace spoolmq::adapters

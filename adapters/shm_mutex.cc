#include <pthread.h>

#include <atomic>
#include <climits>

#include "adapters/robust_lock.h"
#include "adapters/shm_sync.h"
#include "core/check.h"
#include "core/futex.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

static_assert(sizeof(pthread_mutex_t) <= shm::at::kNews - shm::at::kMutex);

// A condition is a word that is raised and woken: of glibc's pthread_cond_t a waiter that was
// killed holds up those who signal for ever, and its wait takes the mutex again without a bound.
class MutexSync final : public ShmSync {
 public:
  explicit MutexSync(std::span<std::byte> segment)
      : segment_(segment), lock_(word(shm::at::kMutex)) {}

  bool lock(Milliseconds longest) override { return lock_.lock(longest); }
  void unlock() override { lock_.unlock(); }
  std::string holder() const override { return "thread " + std::to_string(lock_.holder()); }
  void announce(Event event) override {
    std::uint32_t& condition = word(place_of(event));
    std::atomic_ref(condition).fetch_add(1, std::memory_order_release);
    wake_futex(condition, INT_MAX);
  }
  std::uint32_t seen(Event event) override {
    return std::atomic_ref(word(place_of(event))).load(std::memory_order_acquire);
  }
  void wait(Event event, std::uint32_t seen, Milliseconds longest) override {
    wait_futex(word(place_of(event)), seen, longest);
  }

 private:
  static std::size_t place_of(Event event) {
    return event == Event::kNews ? shm::at::kNews : shm::at::kRoom;
  }
  std::uint32_t& word(std::size_t place) const {
    return *reinterpret_cast<std::uint32_t*>(segment_.data() + place);
  }

  const std::span<std::byte> segment_;
  RobustLock lock_;
};

}  // namespace

void prepare_shm_mutex(std::span<std::byte> segment) {
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  auto* const mutex = reinterpret_cast<pthread_mutex_t*>(segment.data() + shm::at::kMutex);
  const int error = ::pthread_mutex_init(mutex, &attributes);
  ::pthread_mutexattr_destroy(&attributes);
  if (error != 0) throw Error::from_errno(error, "make", "a mutex in shared memory");
}

std::unique_ptr<ShmSync> open_shm_mutex(std::span<std::byte> segment) {
  return std::make_unique<MutexSync>(segment);
}

}  // namespace spoolmq::adapters

#include "adapters/shm_sync.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "core/check.h"

namespace spoolmq::adapters {
namespace {

// Nobody can be woken: short sleeps, longer the longer nothing came. An announcement of our own
// (there is something to put) ends one of them.
class PollingSync final : public ShmSync {
 public:
  bool lock(Milliseconds /*longest*/) override { return true; }
  void unlock() override {}
  void announce(Event /*event*/) override { announced_.fetch_add(1, std::memory_order_relaxed); }
  std::uint32_t seen(Event /*event*/) override {
    return announced_.load(std::memory_order_relaxed);
  }
  void wait(Event event, std::uint32_t seen, Milliseconds longest) override {
    pause_ = seen == last_seen_ ? std::min(pause_ * 2, kLongestPause) : kShortestPause;
    last_seen_ = seen;
    if (this->seen(event) != seen) return;
    std::this_thread::sleep_for(std::min(pause_, std::chrono::microseconds(longest)));
  }

 private:
  static constexpr std::chrono::microseconds kShortestPause{100};
  static constexpr std::chrono::microseconds kLongestPause{10'000};
  std::atomic<std::uint32_t> announced_{0};  // by this process; stands for itself
  std::uint32_t last_seen_ = 0;              // of the thread that waits, as is the next
  std::chrono::microseconds pause_ = kShortestPause;
};

}  // namespace

void prepare_shm_sync(std::span<std::byte> segment, const ShmSyncSettings& settings) {
  switch (settings.kind) {
    case shm::Sync::kMutex:
      return prepare_shm_mutex(segment);
    case shm::Sync::kSysv:
      return prepare_sysv_semaphores(settings);
    case shm::Sync::kPosix:
      return prepare_posix_semaphores(settings);
    case shm::Sync::kPolling:
      return;
  }
}

std::unique_ptr<ShmSync> open_shm_sync(std::span<std::byte> segment,
                                       const ShmSyncSettings& settings) {
  switch (settings.kind) {
    case shm::Sync::kMutex:
      return open_shm_mutex(segment);
    case shm::Sync::kSysv:
      return open_sysv_semaphores(settings);
    case shm::Sync::kPosix:
      return open_posix_semaphores(settings);
    case shm::Sync::kPolling:
      break;
  }
  return std::make_unique<PollingSync>();
}

}  // namespace spoolmq::adapters

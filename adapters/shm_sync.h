#pragma once
// How the sides of a segment keep out of each other's way and wake each other. The counters in the
// segment are the truth; this only guards and announces their change, so that a wake that is lost
// with whoever was to give it costs a wait of its bound and nothing else. Every wait has one.
//   mutex             a robust pthread_mutex_t, and two futex words for conditions
//   sysv-semaphores   a set of three: 0 the lock (SEM_UNDO), 1 news, 2 room
//   posix-semaphores  NAME.news and NAME.room; no lock, because the dead cannot return one: one
//                     producer and one consumer
//   polling           nothing: one producer, one consumer, and both look again and again

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "adapters/shm_layout.h"
#include "adapters/sysv_key.h"

namespace spoolmq::adapters {

class ShmSync {
 public:
  using Milliseconds = std::chrono::milliseconds;
  enum class Event : std::uint8_t { kNews, kRoom };  // entries were put; entries were freed

  ShmSync() = default;
  ShmSync(const ShmSync&) = delete;
  ShmSync& operator=(const ShmSync&) = delete;
  virtual ~ShmSync() = default;

  // False: not within `longest`, holder() has it. True where the sync knows no lock. From one
  // thread.
  virtual bool lock(Milliseconds longest) = 0;
  virtual void unlock() = 0;
  [[nodiscard]] virtual std::string holder() const { return {}; }

  // Wakes whoever waits for it. Thread-safe.
  virtual void announce(Event event) = 0;
  // Looked at before the counters are: an announcement after that ends the wait.
  virtual std::uint32_t seen(Event event) = 0;
  // Returns when it was announced, or after `longest`, or for nothing.
  virtual void wait(Event event, std::uint32_t seen, Milliseconds longest) = 0;
};

struct ShmSyncSettings {
  shm::Sync kind = shm::Sync::kMutex;
  SysvKey semaphore_key;       // sysv-semaphores
  std::string semaphore_name;  // posix-semaphores: "/NAME"
  std::uint32_t mode = 0600;   // of semaphores that are made with the segment
  bool remove = false;         // them, when it ends
};

// What a new segment needs: its mutex, or its semaphores, made if they are not there.
void prepare_shm_sync(std::span<std::byte> segment, const ShmSyncSettings& settings);
// Throws Error: what is missing, or not ours to use.
std::unique_ptr<ShmSync> open_shm_sync(std::span<std::byte> segment,
                                       const ShmSyncSettings& settings);

// One per kind.
void prepare_shm_mutex(std::span<std::byte> segment);
std::unique_ptr<ShmSync> open_shm_mutex(std::span<std::byte> segment);
void prepare_sysv_semaphores(const ShmSyncSettings& settings);
std::unique_ptr<ShmSync> open_sysv_semaphores(const ShmSyncSettings& settings);
void prepare_posix_semaphores(const ShmSyncSettings& settings);
std::unique_ptr<ShmSync> open_posix_semaphores(const ShmSyncSettings& settings);

}  // namespace spoolmq::adapters

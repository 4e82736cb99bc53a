// The textbooks' bounded buffer in shared memory, once for each kind of synchronisation: a mutex
// and condition variables, or two counting semaphores (one producer and one consumer need no more).

#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>

#include <cstring>
#include <new>
#include <string>

#include "cli/bench/bench_place.h"
#include "cli/bench/body_channel.h"
#include "cli/bench/system_channels.h"

namespace spoolmq::bench {
namespace {

constexpr std::size_t kPlaces = 64;
constexpr std::size_t kMostBytes = 4096;

struct Buffer {
  pthread_mutex_t mutex;  // robust
  pthread_cond_t has_room;
  pthread_cond_t has_some;
  std::size_t taken = 0;  // under the mutex
  sem_t free_places;
  sem_t full_places;
  char places[kPlaces][kMostBytes];
};

class BufferChannel : public BodyChannel {
 public:
  explicit BufferChannel(std::size_t body_bytes) : BodyChannel(body_bytes) {
    void* const memory =
        ::mmap(nullptr, sizeof(Buffer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED && body_bytes <= kMostBytes, "mmap");
    buffer_ = new (memory) Buffer;
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;
    ::pthread_mutexattr_init(&mutex);
    ::pthread_condattr_init(&condition);
    must(::pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED) == 0 &&
             ::pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST) == 0 &&
             ::pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED) == 0 &&
             ::pthread_mutex_init(&buffer_->mutex, &mutex) == 0 &&
             ::pthread_cond_init(&buffer_->has_room, &condition) == 0 &&
             ::pthread_cond_init(&buffer_->has_some, &condition) == 0 &&
             ::sem_init(&buffer_->free_places, 1, kPlaces) == 0 &&
             ::sem_init(&buffer_->full_places, 1, 0) == 0,
         "share");
  }
  ~BufferChannel() override { ::munmap(buffer_, sizeof(Buffer)); }

 protected:
  [[nodiscard]] Buffer& buffer() const { return *buffer_; }
  char* next_place() { return buffer_->places[number_++ % kPlaces]; }

 private:
  Buffer* buffer_;
  std::size_t number_ = 0;  // of this end's next entry
};

class MutexChannel final : public BufferChannel {
 public:
  using BufferChannel::BufferChannel;

 private:
  void send_body(const std::string& body) override {
    Buffer& shared = buffer();
    ::pthread_mutex_lock(&shared.mutex);
    while (shared.taken == kPlaces) ::pthread_cond_wait(&shared.has_room, &shared.mutex);
    std::memcpy(next_place(), body.data(), body.size());
    ++shared.taken;
    ::pthread_cond_signal(&shared.has_some);
    ::pthread_mutex_unlock(&shared.mutex);
  }
  bool receive_body(std::string& body) override {
    Buffer& shared = buffer();
    ::pthread_mutex_lock(&shared.mutex);
    while (shared.taken == 0) ::pthread_cond_wait(&shared.has_some, &shared.mutex);
    std::memcpy(body.data(), next_place(), body.size());
    --shared.taken;
    ::pthread_cond_signal(&shared.has_room);
    ::pthread_mutex_unlock(&shared.mutex);
    return true;
  }
};

class SemaphoreChannel final : public BufferChannel {
 public:
  using BufferChannel::BufferChannel;

 private:
  void send_body(const std::string& body) override {
    ::sem_wait(&buffer().free_places);
    std::memcpy(next_place(), body.data(), body.size());
    ::sem_post(&buffer().full_places);
  }
  bool receive_body(std::string& body) override {
    ::sem_wait(&buffer().full_places);
    std::memcpy(body.data(), next_place(), body.size());
    ::sem_post(&buffer().free_places);
    return true;
  }
};

template <typename Made>
std::unique_ptr<Channel> make(std::size_t body_bytes) {
  return std::make_unique<Made>(body_bytes);
}

}  // namespace

const std::vector<SystemChannel>& buffer_channels() {
  static const std::vector<SystemChannel> all = {{"shm-mutex", make<MutexChannel>},
                                                 {"shm-semaphores", make<SemaphoreChannel>}};
  return all;
}

}  // namespace spoolmq::bench

#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>

#include <array>
#include <cerrno>

#include "adapters/kernel_limit.h"
#include "adapters/shm_sync.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr int kSemaphores = 3;
constexpr unsigned short kLock = 0;  // 1: free
constexpr unsigned short kNews = 1;
constexpr unsigned short kRoom = 2;

// semctl(2): the caller defines it.
union SemaphoreArgument {
  int value;
  semid_ds* status;
  unsigned short* values;
};

class SysvSync final : public ShmSync {
 public:
  SysvSync(int set, bool remove, std::string text)
      : set_(set), remove_(remove), text_(std::move(text)) {}
  ~SysvSync() override {
    if (remove_) ::semctl(set_, 0, IPC_RMID);
  }

  // The kernel gives the lock back for who dies with it.
  bool lock(Milliseconds longest) override { return take(kLock, SEM_UNDO, longest); }
  void unlock() override {
    sembuf operation{kLock, 1, SEM_UNDO};
    if (::semop(set_, &operation, 1) != 0 && errno != EINTR) throw refused();
  }
  std::string holder() const override {
    return "process " + std::to_string(::semctl(set_, kLock, GETPID));
  }
  // At most one is left over, however often it is announced to nobody.
  void announce(Event event) override {
    const unsigned short which = number_of(event);
    if (::semctl(set_, which, GETVAL) > 0) return;
    sembuf operation{which, 1, IPC_NOWAIT};
    static_cast<void>(::semop(set_, &operation, 1));  // removed: the next lock() or wait() tells
  }
  std::uint32_t seen(Event /*event*/) override { return 0; }
  void wait(Event event, std::uint32_t /*seen*/, Milliseconds longest) override {
    static_cast<void>(take(number_of(event), 0, longest));
  }

 private:
  static unsigned short number_of(Event event) { return event == Event::kNews ? kNews : kRoom; }
  bool take(unsigned short which, short flags, Milliseconds longest) const {
    sembuf operation{which, -1, flags};
    timespec limit{};
    limit.tv_sec = static_cast<time_t>(longest.count() / 1000);
    limit.tv_nsec = static_cast<long>(longest.count() % 1000) * 1'000'000;
    if (::semtimedop(set_, &operation, 1, &limit) == 0) return true;
    if (errno == EAGAIN || errno == EINTR) return false;
    throw refused();
  }
  [[nodiscard]] Error refused() const {
    if (errno == EIDRM || errno == EINVAL) {
      return {ErrorCode::kUnavailable, "use", text_, "its semaphores were removed while in use"};
    }
    return Error::from_errno(errno, "use the semaphores of", text_);
  }

  const int set_;
  const bool remove_;
  const std::string text_;
};

Error refused_set(const ShmSyncSettings& settings) {
  if (errno == ENOSPC) {
    return {ErrorCode::kOsResource, "make", settings.semaphore_key.text,
            "too many semaphores: the first and the last of " + explain_limit("kernel.sem")};
  }
  return Error::from_errno(errno, "open the semaphores of", settings.semaphore_key.text);
}

}  // namespace

// Whoever makes the segment makes them, or begins with those that are left of a former one.
void prepare_sysv_semaphores(const ShmSyncSettings& settings) {
  const int set = ::semget(resolve(settings.semaphore_key), kSemaphores,
                           IPC_CREAT | static_cast<int>(settings.mode));
  if (set < 0) throw refused_set(settings);
  std::array<unsigned short, kSemaphores> values{1, 0, 0};
  SemaphoreArgument argument{};
  argument.values = values.data();
  if (::semctl(set, 0, SETALL, argument) != 0) throw refused_set(settings);
}

std::unique_ptr<ShmSync> open_sysv_semaphores(const ShmSyncSettings& settings) {
  const int set = ::semget(resolve(settings.semaphore_key), kSemaphores, 0);
  if (set < 0) throw refused_set(settings);
  return std::make_unique<SysvSync>(set, settings.remove, settings.semaphore_key.text);
}

}  // namespace spoolmq::adapters

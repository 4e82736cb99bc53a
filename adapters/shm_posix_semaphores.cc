#include <fcntl.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "adapters/bus_guard.h"
#include "adapters/descriptor.h"
#include "adapters/shm_sync.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kNewsSuffix = ".news";
constexpr std::string_view kRoomSuffix = ".room";

// sem_overview(7): where they lie on Linux.
std::string file_of(const std::string& name) { return "/dev/shm/sem." + name.substr(1); }

// One named semaphore, mapped; a file that anybody with its mode can write or shorten.
class NamedSemaphore {
 public:
  explicit NamedSemaphore(std::string name) : name_(std::move(name)) {
    struct stat status {};
    if (::lstat(file_of(name_).c_str(), &status) == 0 &&
        (!S_ISREG(status.st_mode) || status.st_size < static_cast<off_t>(sizeof(sem_t)))) {
      throw Error(ErrorCode::kUnavailable, "open", name_, "it is no semaphore");
    }
    semaphore_ = ::sem_open(name_.c_str(), 0);
    if (semaphore_ == SEM_FAILED) throw Error::from_errno(errno, "open", name_);
    guard_.emplace(page());
  }
  NamedSemaphore(const NamedSemaphore&) = delete;
  NamedSemaphore& operator=(const NamedSemaphore&) = delete;
  ~NamedSemaphore() {
    guard_.reset();
    ::sem_close(semaphore_);
  }

  // At most a few are left over, however often it is announced to nobody.
  void post() const {
    int value = 0;
    if (::sem_getvalue(semaphore_, &value) == 0 && value > 0) return;
    static_cast<void>(::sem_post(semaphore_));
  }
  void wait(std::chrono::milliseconds longest) const {
    timespec until{};
    ::clock_gettime(CLOCK_MONOTONIC, &until);
    const std::int64_t ns = until.tv_nsec + longest.count() * 1'000'000;
    until.tv_sec += static_cast<time_t>(ns / 1'000'000'000);
    until.tv_nsec = static_cast<long>(ns % 1'000'000'000);
    static_cast<void>(::sem_clockwait(semaphore_, CLOCK_MONOTONIC, &until));
  }

 private:
  [[nodiscard]] std::span<std::byte> page() const {
    const auto page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = reinterpret_cast<std::uintptr_t>(semaphore_) & ~(page_bytes - 1);
    return {reinterpret_cast<std::byte*>(begin), page_bytes};
  }

  const std::string name_;
  sem_t* semaphore_ = nullptr;
  std::optional<BusGuard> guard_;
};

class PosixSync final : public ShmSync {
 public:
  PosixSync(const std::string& name, bool remove)
      : name_(name),
        remove_(remove),
        news_(name + std::string(kNewsSuffix)),
        room_(name + std::string(kRoomSuffix)) {}
  ~PosixSync() override {
    if (!remove_) return;
    for (const std::string_view suffix : {kNewsSuffix, kRoomSuffix}) {
      ::sem_unlink((name_ + std::string(suffix)).c_str());
    }
  }

  bool lock(Milliseconds /*longest*/) override { return true; }
  void unlock() override {}
  void announce(Event event) override { of(event).post(); }
  std::uint32_t seen(Event /*event*/) override { return 0; }
  void wait(Event event, std::uint32_t /*seen*/, Milliseconds longest) override {
    of(event).wait(longest);
  }

 private:
  [[nodiscard]] const NamedSemaphore& of(Event event) const {
    return event == Event::kNews ? news_ : room_;
  }

  const std::string name_;
  const bool remove_;
  const NamedSemaphore news_;
  const NamedSemaphore room_;
};

}  // namespace

// Exactly of this mode, whatever the umask.
void prepare_posix_semaphores(const ShmSyncSettings& settings) {
  for (const std::string_view suffix : {kNewsSuffix, kRoomSuffix}) {
    const std::string name = settings.semaphore_name + std::string(suffix);
    sem_t* const made = ::sem_open(name.c_str(), O_CREAT | O_EXCL, settings.mode, 0U);
    if (made == SEM_FAILED) {
      if (errno == EEXIST) continue;  // left of a former segment
      throw Error::from_errno(errno, "make", name);
    }
    ::sem_close(made);
    const Descriptor file(::open(file_of(name).c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    if (!file.is_open() || ::fchmod(file.number(), settings.mode) != 0) {
      throw Error::from_errno(errno, "set the mode of", name);
    }
  }
}

std::unique_ptr<ShmSync> open_posix_semaphores(const ShmSyncSettings& settings) {
  return std::make_unique<PosixSync>(settings.semaphore_name, settings.remove);
}

}  // namespace spoolmq::adapters

#include "store/doorbell.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "core/log.h"

namespace spoolmq {
namespace {

constexpr std::size_t kBellBytes = 4096;
constexpr std::uint32_t kSleeper = 1;
constexpr std::uint32_t kOneRing = 2;

std::string bell_directory(std::uint32_t uid) { return "/dev/shm/spoolmq-" + std::to_string(uid); }

std::string bell_name(const FileStatus& queue) {
  return "bell-2-" + std::to_string(queue.device) + "-" + std::to_string(queue.inode);
}

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

Doorbell::Doorbell(const FileStatus& queue_directory, std::uint32_t mode, bool shared) {
  if (shared) map_shared(queue_directory, mode);
}

void Doorbell::map_shared(const FileStatus& queue_directory, std::uint32_t mode) {
  const bool for_group = (mode & 0060) != 0;
  const std::string path = bell_directory(queue_directory.uid);
  if (::mkdir(path.c_str(), for_group ? 0711 : 0700) == 0 && ::geteuid() == 0) {
    if (::chown(path.c_str(), queue_directory.uid, queue_directory.gid) != 0) return;
  }
  Descriptor dir{::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  struct stat status {};
  // Another user's directory in the way is not ours to trust: do without.
  if (dir.fd < 0 || ::fstat(dir.fd, &status) != 0 || status.st_uid != queue_directory.uid ||
      (status.st_mode & 0022) != 0) {
    return;
  }
  if (for_group && (status.st_mode & 0011) == 0) ::chmod(path.c_str(), 0711);
  const std::string name = bell_name(queue_directory);
  Descriptor file{::openat(dir.fd, name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
  if (file.fd < 0) {
    file.fd = ::openat(dir.fd, name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file.fd < 0) return;
    const mode_t bits = for_group ? 0660 : 0600;
    if (::fchmod(file.fd, bits) != 0) return;
    if (::geteuid() == 0 && ::fchown(file.fd, queue_directory.uid, queue_directory.gid) != 0)
      return;
  }
  if (::fstat(file.fd, &status) != 0 || !S_ISREG(status.st_mode)) return;
  // Allocated now, so that a full /dev/shm is an error here and not a signal later.
  if (status.st_size < static_cast<off_t>(kBellBytes) &&
      ::posix_fallocate(file.fd, 0, static_cast<off_t>(kBellBytes)) != 0) {
    return;
  }
  void* const mapped = ::mmap(nullptr, kBellBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
  if (mapped == MAP_FAILED) return;
  word_ = static_cast<std::uint32_t*>(mapped);
  shared_ = true;
}

Doorbell::~Doorbell() {
  if (shared_) ::munmap(word_, kBellBytes);
}

void Doorbell::ring() {
  const std::atomic_ref<std::uint32_t> word(*word_);
  std::uint32_t old = word.load();
  while (!word.compare_exchange_weak(old, (old + kOneRing) & ~kSleeper)) {
  }
  if ((old & kSleeper) != 0) ::syscall(SYS_futex, word_, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

std::uint32_t Doorbell::prepare() {
  return std::atomic_ref<std::uint32_t>(*word_).load() & ~kSleeper;
}

void Doorbell::wait(std::uint32_t prepared, std::chrono::milliseconds longest) {
  if (longest.count() <= 0) return;
  const std::atomic_ref<std::uint32_t> word(*word_);
  std::uint32_t now = word.load();
  do {
    if ((now & ~kSleeper) != prepared) return;
  } while (!word.compare_exchange_weak(now, now | kSleeper));
  struct timespec limit {};
  limit.tv_sec = static_cast<time_t>(longest.count() / 1000);
  limit.tv_nsec = static_cast<long>(longest.count() % 1000) * 1'000'000;
  // Returns early on a signal or a ring; the caller looks again either way.
  ::syscall(SYS_futex, word_, FUTEX_WAIT, prepared | kSleeper, &limit, nullptr, 0);
}

void Doorbell::remove(const FileStatus& queue_directory) {
  ::unlink((bell_directory(queue_directory.uid) + "/" + bell_name(queue_directory)).c_str());
}

}  // namespace spoolmq

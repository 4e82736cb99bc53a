// Preloaded into a program whose files lie in a mounted image: counts the calls that change that
// file system and turns its power off at one of them. Every call is made by syscall(2), so nothing
// of libc lies between the program and the kernel.
//   POWERCUT_MOUNT    the mount point; only calls that touch its device count
//   POWERCUT_AT       the number of the call to cut at, from 1; 0 or missing: none
//   POWERCUT_WHEN     "before" or "after" that call
//   POWERCUT_COUNTER  a file of 8 bytes outside the image: processes with the same one count
//   together POWERCUT_TRACE    a file outside the image: one line per counted call, and one for the
//   cut POWERCUT_BOOT_ID  the file to read instead of the kernel's boot id POWERCUT_SWALLOW  a
//   sabotage: "directory", "spool" or "log" syncs answer 0 and do nothing POWERCUT_EAGER    part of
//   a path: what is written there reaches the disk at once, as the kernel
//                     may do at any time; "names": so do names that are made or removed;
//                     "bytes": so do those of every file, but not its size or where they lie
//   POWERCUT_LINGER   the processes live on after the cut, and are told of errors only; else it
//                     ends every process of the group
//   POWERCUT_DULL     a cut that cuts nothing: the process ends, the file system lives on
#include "tests/crash/powercut_shim.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

struct Plan {
  const char* mount = nullptr;
  std::size_t mount_length = 0;
  int mount_fd = -1;
  dev_t device = 0;
  long at = 0;
  bool before = false;
  bool dull = false;
  bool linger = false;
  const char* eager = "";
  const char* swallow = "";
  const char* boot_id = nullptr;
  int trace_fd = -1;
};

Plan plan;

// What processes that count together share.
struct Common {
  std::atomic<long> calls{0};
  std::atomic<long> syncs_begun{0};
  std::atomic<long> syncs_ended{0};
  std::atomic<bool> is_cut{false};  // set before the file system is shut down
};
static_assert(std::atomic<long>::is_always_lock_free, "it may lie in shared memory");
Common own;
Common* common = &own;

long raw_open(const char* path, int flags, unsigned mode = 0) {
  return ::syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

const char* setting(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

void share_counter(const char* path) {
  const long fd = raw_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ::syscall(SYS_ftruncate, fd, sizeof(Common)) != 0) ::_exit(powercut::kBadPlan);
  void* const page =
      ::mmap(nullptr, sizeof(Common), PROT_READ | PROT_WRITE, MAP_SHARED, static_cast<int>(fd), 0);
  if (page == MAP_FAILED) ::_exit(powercut::kBadPlan);
  common = static_cast<Common*>(page);
  ::syscall(SYS_close, fd);
}

__attribute__((constructor)) void read_plan() {
  const int saved = errno;
  if (const char* const mount = setting("POWERCUT_MOUNT"); *mount != '\0') {
    struct stat found {};
    plan.mount_fd = static_cast<int>(raw_open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (plan.mount_fd < 0 || ::fstat(plan.mount_fd, &found) != 0) ::_exit(powercut::kBadPlan);
    plan.device = found.st_dev;
    plan.mount = mount;
    plan.mount_length = std::strlen(mount);
  }
  plan.at = std::atol(setting("POWERCUT_AT"));
  plan.before = std::strcmp(setting("POWERCUT_WHEN"), "before") == 0;
  plan.dull = *setting("POWERCUT_DULL") != '\0';
  plan.linger = *setting("POWERCUT_LINGER") != '\0';
  plan.eager = setting("POWERCUT_EAGER");
  plan.swallow = setting("POWERCUT_SWALLOW");
  if (const char* const boot = setting("POWERCUT_BOOT_ID"); *boot != '\0') plan.boot_id = boot;
  if (const char* const counter = setting("POWERCUT_COUNTER"); *counter != '\0') {
    share_counter(counter);
  }
  if (const char* const trace = setting("POWERCUT_TRACE"); *trace != '\0') {
    const long fd = raw_open(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) ::_exit(powercut::kBadPlan);
    plan.trace_fd = static_cast<int>(fd);
  }
  errno = saved;
}

// False, too, where a file system refuses to be looked at once it is gone (XFS): what its syncs
// answer then reaches the program as it is.
bool on_image(int fd) {
  struct stat found {};
  return plan.mount_fd >= 0 && ::fstat(fd, &found) == 0 && found.st_dev == plan.device;
}

bool on_image(int dir, const char* path) {
  if (plan.mount_fd < 0 || path == nullptr) return false;
  if (path[0] != '/') return dir != AT_FDCWD && on_image(dir);
  return std::strncmp(path, plan.mount, plan.mount_length) == 0;
}

// Where a descriptor leads, for the trace and to tell kinds of files apart.
struct Subject {
  explicit Subject(int fd, const char* name = nullptr) {
    char link[64];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const long got = ::syscall(SYS_readlinkat, AT_FDCWD, link, text, sizeof text - 1);
    std::size_t length = got > 0 ? static_cast<std::size_t>(got) : 0;
    text[length] = '\0';
    if (name != nullptr && name[0] == '/') length = 0;
    if (name != nullptr) std::snprintf(text + length, sizeof text - length, "/%s", name);
  }
  char text[1024];
};

void trace(const char* line, std::size_t length) {
  if (plan.trace_fd >= 0) ::syscall(SYS_write, plan.trace_fd, line, length);
}

// A sync that returns when the power has gone has promised nothing: a process that lives on must
// not hear of it. (The kernel's may return 0 then: what it waited for is no longer pending.)
long synced(long number, int fd) {
  ++common->syncs_begun;
  const long result = ::syscall(number, fd);
  const int saved = errno;
  ++common->syncs_ended;
  errno = common->is_cut ? EIO : saved;
  return common->is_cut ? -1 : result;
}

// Bytes that nobody syncs: if they are there after the remount, the cut cut nothing.
long leave_canary() {
  const long fd =
      ::syscall(SYS_openat, plan.mount_fd, powercut::kCanary, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) ::syscall(SYS_write, fd, powercut::kCanary, std::strlen(powercut::kCanary));
  return fd;
}

void cut(const char* description, std::size_t length) {
  // Told first: what other threads see from here on is no fault of theirs.
  trace(description, length);
  const long begun = common->syncs_begun;
  const bool alone = begun == common->syncs_ended;
  const long canary = leave_canary();
  if (!plan.dull) {
    common->is_cut = true;
    std::uint32_t how = powercut::kNoLogFlush;
    if (::syscall(SYS_ioctl, plan.mount_fd, powercut::kShutdown, &how) != 0 ||
        ::syscall(SYS_write, canary, "", 1) >= 0) {
      ::syscall(SYS_exit_group, powercut::kBadPlan);
    }
  }
  // Somebody else's sync may have taken it along.
  static constexpr char kVoid[] = "canary void\n";
  if (!alone || begun != common->syncs_begun) trace(kVoid, sizeof kVoid - 1);
  if (plan.linger) return;
  ::syscall(SYS_kill, 0, SIGKILL);
  ::syscall(SYS_exit_group, powercut::kCutHere);
}

// Runs `call`, the counted change of `subject`, and cuts the power if its number is up.
template <typename Call>
long counted(const char* what, const Subject& subject, Call call) {
  const long number = common->calls.fetch_add(1) + 1;
  char line[1200];
  const auto say = [&](const char* prefix) {
    const int length =
        std::snprintf(line, sizeof line, "%s%ld %s %s\n", prefix, number, what, subject.text);
    return static_cast<std::size_t>(length);
  };
  const std::size_t length = say("");
  trace(line, length);
  if (number == plan.at && plan.before) cut(line, say("cut before "));
  const long result = call();
  const int saved = errno;
  if (number == plan.at) cut(line, say("cut after "));
  errno = saved;
  return result;
}

template <typename Call>
long at_fd(const char* what, int fd, Call call) {
  if (!on_image(fd)) return call();
  const Subject subject(fd);
  return counted(what, subject, [&] {
    const long result = call();
    const int saved = errno;
    if (std::strcmp(plan.eager, "bytes") == 0) {
      ::syscall(SYS_sync_file_range, fd, 0L, 0L,
                SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    } else if (*plan.eager != '\0' && std::strstr(subject.text, plan.eager) != nullptr) {
      synced(SYS_fsync, fd);
    }
    errno = saved;
    return result;
  });
}

template <typename Call>
long at_path(const char* what, int dir, const char* path, Call call) {
  if (!on_image(dir, path)) return call();
  return counted(what, Subject(dir, path), [&] {
    const long result = call();
    const int saved = errno;
    if (std::strcmp(plan.eager, "names") == 0 && dir != AT_FDCWD) synced(SYS_fsync, dir);
    errno = saved;
    return result;
  });
}

bool is_swallowed(int fd, const Subject& subject) {
  const char* const part = std::strchr(plan.swallow, ':');
  if (part == nullptr || std::strstr(subject.text, part + 1) == nullptr) return false;
  struct stat found {};
  const bool directory = ::fstat(fd, &found) == 0 && S_ISDIR(found.st_mode);
  return directory == (plan.swallow[0] == 'd');
}

int sync_fd(const char* what, long number, int fd) {
  if (!on_image(fd)) return static_cast<int>(::syscall(number, fd));
  const Subject subject(fd);
  return static_cast<int>(counted(
      what, subject, [&]() -> long { return is_swallowed(fd, subject) ? 0 : synced(number, fd); }));
}

constexpr const char* kBootIdPath = "/proc/sys/kernel/random/boot_id";

int open_at(int dir, const char* path, int flags, unsigned mode) {
  if (plan.boot_id != nullptr && std::strcmp(path, kBootIdPath) == 0) path = plan.boot_id;
  const auto call = [&] { return ::syscall(SYS_openat, dir, path, flags, mode); };
  const bool creates =
      (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE || (flags & O_TRUNC) != 0;
  return static_cast<int>(creates ? at_path("open", dir, path, call) : call());
}

}  // namespace

#define POWERCUT_MODE(flags)                                        \
  unsigned mode = 0;                                                \
  if (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE) { \
    va_list arguments;                                              \
    va_start(arguments, flags);                                     \
    mode = va_arg(arguments, unsigned);                             \
    va_end(arguments);                                              \
  }

extern "C" {

int open(const char* path, int flags, ...) {
  POWERCUT_MODE(flags)
  return open_at(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  POWERCUT_MODE(flags)
  return open_at(AT_FDCWD, path, flags, mode);
}
int openat(int dir, const char* path, int flags, ...) {
  POWERCUT_MODE(flags)
  return open_at(dir, path, flags, mode);
}
int openat64(int dir, const char* path, int flags, ...) {
  POWERCUT_MODE(flags)
  return open_at(dir, path, flags, mode);
}

ssize_t write(int fd, const void* from, size_t size) {
  return at_fd("write", fd, [&] { return ::syscall(SYS_write, fd, from, size); });
}
ssize_t writev(int fd, const iovec* from, int count) {
  return at_fd("writev", fd, [&] { return ::syscall(SYS_writev, fd, from, count); });
}
ssize_t pwrite(int fd, const void* from, size_t size, off_t at) {
  return at_fd("pwrite", fd, [&] { return ::syscall(SYS_pwrite64, fd, from, size, at); });
}
ssize_t pwrite64(int fd, const void* from, size_t size, off64_t at) {
  return pwrite(fd, from, size, at);
}
ssize_t pwritev(int fd, const iovec* from, int count, off_t at) {
  return at_fd("pwritev", fd, [&] { return ::syscall(SYS_pwritev, fd, from, count, at, 0L); });
}
ssize_t pwritev64(int fd, const iovec* from, int count, off64_t at) {
  return pwritev(fd, from, count, at);
}

int fsync(int fd) { return sync_fd("fsync", SYS_fsync, fd); }
int fdatasync(int fd) { return sync_fd("fdatasync", SYS_fdatasync, fd); }

int ftruncate(int fd, off_t size) noexcept {
  return static_cast<int>(
      at_fd("ftruncate", fd, [&] { return ::syscall(SYS_ftruncate, fd, size); }));
}
int ftruncate64(int fd, off64_t size) noexcept { return ftruncate(fd, size); }
int fallocate(int fd, int how, off_t at, off_t length) {
  return static_cast<int>(
      at_fd("fallocate", fd, [&] { return ::syscall(SYS_fallocate, fd, how, at, length); }));
}
int fallocate64(int fd, int how, off64_t at, off64_t length) {
  return fallocate(fd, how, at, length);
}
int posix_fallocate(int fd, off_t at, off_t length) {
  const int saved = errno;
  const int result = fallocate(fd, 0, at, length) == 0 ? 0 : errno;
  errno = saved;
  return result;
}
int posix_fallocate64(int fd, off64_t at, off64_t length) {
  return posix_fallocate(fd, at, length);
}

int fchmod(int fd, mode_t mode) noexcept {
  return static_cast<int>(at_fd("fchmod", fd, [&] { return ::syscall(SYS_fchmod, fd, mode); }));
}
int fchown(int fd, uid_t uid, gid_t gid) noexcept {
  return static_cast<int>(at_fd("fchown", fd, [&] { return ::syscall(SYS_fchown, fd, uid, gid); }));
}

int futimens(int fd, const timespec times[2]) noexcept {
  return static_cast<int>(
      at_fd("futimens", fd, [&] { return ::syscall(SYS_utimensat, fd, nullptr, times, 0); }));
}
ssize_t copy_file_range(int from, off64_t* from_at, int fd, off64_t* at, size_t size,
                        unsigned flags) {
  return at_fd("copy_file_range", fd,
               [&] { return ::syscall(SYS_copy_file_range, from, from_at, fd, at, size, flags); });
}
int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  const unsigned long argument = va_arg(arguments, unsigned long);
  va_end(arguments);
  const auto call = [&] { return ::syscall(SYS_ioctl, fd, request, argument); };
  return static_cast<int>(request == FICLONE ? at_fd("ficlone", fd, call) : call());
}

int linkat(int from_dir, const char* from, int dir, const char* to, int flags) noexcept {
  return static_cast<int>(at_path(
      "linkat", dir, to, [&] { return ::syscall(SYS_linkat, from_dir, from, dir, to, flags); }));
}
int link(const char* from, const char* to) noexcept {
  return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat2(int from_dir, const char* from, int dir, const char* to, unsigned flags) noexcept {
  return static_cast<int>(at_path("renameat", dir, to, [&] {
    return ::syscall(SYS_renameat2, from_dir, from, dir, to, flags);
  }));
}
int renameat(int from_dir, const char* from, int dir, const char* to) noexcept {
  return renameat2(from_dir, from, dir, to, 0);
}
int rename(const char* from, const char* to) noexcept {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int unlinkat(int dir, const char* path, int flags) noexcept {
  return static_cast<int>(
      at_path("unlinkat", dir, path, [&] { return ::syscall(SYS_unlinkat, dir, path, flags); }));
}
int unlink(const char* path) noexcept { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char* path) noexcept { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int mkdirat(int dir, const char* path, mode_t mode) noexcept {
  return static_cast<int>(
      at_path("mkdirat", dir, path, [&] { return ::syscall(SYS_mkdirat, dir, path, mode); }));
}
int mkdir(const char* path, mode_t mode) noexcept { return mkdirat(AT_FDCWD, path, mode); }

}  // extern "C"

// Preloaded into a program: every read and write of a regular file moves fewer bytes than were
// asked for, at random but at least one, as POSIX allows them to. Every call is made by syscall(2).
//   SHORT_IO_SEED    which lengths; a number
//   SHORT_IO_COUNT   a file that takes 8 bytes: how many calls were cut short, all processes
//   together
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

std::atomic<std::uint64_t> state{1};
std::atomic<std::uint64_t> own_count{0};
std::atomic<std::uint64_t>* count = &own_count;

__attribute__((constructor)) void begin() {
  if (const char* const seed = std::getenv("SHORT_IO_SEED")) {
    state = std::strtoull(seed, nullptr, 10) * 2 + 1;
  }
  const char* const path = std::getenv("SHORT_IO_COUNT");
  if (path == nullptr) return;
  const long fd = ::syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ::syscall(SYS_ftruncate, fd, sizeof(std::uint64_t)) != 0) ::_exit(120);
  void* const page = ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
                            static_cast<int>(fd), 0);
  if (page == MAP_FAILED) ::_exit(120);
  count = static_cast<std::atomic<std::uint64_t>*>(page);
  ::syscall(SYS_close, fd);
}

// SplitMix64, https://prng.di.unimi.it/splitmix64.c: an addition, and a mix of its sum.
std::uint64_t next() {
  std::uint64_t z = state.fetch_add(0x9E3779B97F4A7C15) + 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

// Half of the calls are left alone, so that every combination of both comes.
std::size_t shortened(int fd, std::size_t wanted) {
  struct stat status {};
  if (wanted < 2 || ::syscall(SYS_fstat, fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    return wanted;
  }
  const std::uint64_t random = next();
  if ((random & 1) != 0) return wanted;
  count->fetch_add(1);
  return 1 + (random >> 1) % (wanted - 1);
}

}  // namespace

extern "C" {

ssize_t read(int fd, void* into, size_t bytes) {
  return ::syscall(SYS_read, fd, into, shortened(fd, bytes));
}

ssize_t write(int fd, const void* from, size_t bytes) {
  return ::syscall(SYS_write, fd, from, shortened(fd, bytes));
}

ssize_t pread(int fd, void* into, size_t bytes, off_t at) {
  return ::syscall(SYS_pread64, fd, into, shortened(fd, bytes), at);
}

ssize_t pread64(int fd, void* into, size_t bytes, off64_t at) { return pread(fd, into, bytes, at); }

ssize_t pwrite(int fd, const void* from, size_t bytes, off_t at) {
  return ::syscall(SYS_pwrite64, fd, from, shortened(fd, bytes), at);
}

ssize_t pwrite64(int fd, const void* from, size_t bytes, off64_t at) {
  return pwrite(fd, from, bytes, at);
}

ssize_t sendfile(int to, int from, off_t* at, size_t bytes) {
  return ::syscall(SYS_sendfile, to, from, at, shortened(from, bytes));
}

ssize_t sendfile64(int to, int from, off64_t* at, size_t bytes) {
  return sendfile(to, from, at, bytes);
}

ssize_t copy_file_range(int from, off64_t* from_at, int to, off64_t* to_at, size_t bytes,
                        unsigned flags) {
  return ::syscall(SYS_copy_file_range, from, from_at, to, to_at, shortened(from, bytes), flags);
}

}  // extern "C"

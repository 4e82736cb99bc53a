#include "watcher/open_probe.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <system_error>

#include "spoolmq/error.h"

namespace spoolmq::watcher {
namespace {

Writers take_lease(int descriptor) {
  if (descriptor < 0) return Writers::kNone;
  // A broken lease is announced by SIGIO, which would end the process; SIGURG is ignored by
  // default. F_SETSIG comes first and is _GNU_SOURCE's, which g++ defines.
  if (::fcntl(descriptor, F_SETSIG, SIGURG) != 0) return Writers::kUnknown;
  if (::fcntl(descriptor, F_SETLEASE, F_RDLCK) == 0) return Writers::kNone;
  return errno == EAGAIN ? Writers::kSome : Writers::kUnknown;
}

// For messages; empty where /proc is not to be had.
std::string path_of(int descriptor) {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), ignored);
}

bool has_exclusive_flock(int descriptor) {
  while (::flock(descriptor, LOCK_SH | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return true;
    if (errno != EINTR) throw Error::from_errno(errno, "look for a lock", path_of(descriptor));
  }
  ::flock(descriptor, LOCK_UN);
  return false;
}

}  // namespace

ReadLease::ReadLease(File& file)
    : descriptor_(file.descriptor()), writers_(take_lease(descriptor_)) {}

ReadLease::~ReadLease() {
  if (descriptor_ >= 0 && writers_ == Writers::kNone) ::fcntl(descriptor_, F_SETLEASE, F_UNLCK);
}

bool ReadLease::is_undisturbed() const {
  if (writers_ != Writers::kNone) return false;
  return descriptor_ < 0 || ::fcntl(descriptor_, F_GETLEASE) == F_RDLCK;
}

bool is_locked(File& file) {
  constexpr std::uint64_t kToTheEnd = 0;  // of every possible file, as in fcntl(2)
  if (file.descriptor() >= 0 && has_exclusive_flock(file.descriptor())) return true;
  return file.is_locked_by_another(0, kToTheEnd);
}

}  // namespace spoolmq::watcher

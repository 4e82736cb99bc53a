#include "watcher/watch_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace spoolmq::watcher {
namespace {

constexpr int kOpenFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

// statfs(2), linux/magic.h and the modules that are not in it.
constexpr std::int64_t kChangedUnseen[] = {
    0x6969,      // NFS
    0x517B,      // SMB
    0xFF534D42,  // CIFS
    0xFE534D42,  // SMB2
    0x65735546,  // FUSE: sshfs, s3fs, glusterfs, virtiofs
    0x01021997,  // 9p
    0x00C36400,  // Ceph
    0x5346414F,  // AFS
    0x6B414653,  // kAFS
    0x73757245,  // Coda
    0x564C,      // NCP
    0x7461636F,  // OCFS2
    0x01161970,  // GFS2
    0x0BD00BD0,  // Lustre
    0x47504653,  // GPFS
    0x19830326,  // BeeGFS
    0x786F4256,  // VirtualBox shared folders
    0xBACBACBC,  // VMware shared folders
};

std::optional<DirectoryIdentity> identity(int outcome, const struct stat& found) {
  if (outcome != 0 || !S_ISDIR(found.st_mode)) return std::nullopt;
  return DirectoryIdentity{found.st_dev, found.st_ino};
}

}  // namespace

std::optional<OpenDirectory> OpenDirectory::at_path(const std::string& path) {
  const int descriptor = ::open(path.c_str(), kOpenFlags);
  if (descriptor < 0) return std::nullopt;
  return OpenDirectory(descriptor);
}

std::optional<OpenDirectory> OpenDirectory::below(int parent, const std::string& name) {
  const int descriptor = ::openat(parent, name.c_str(), kOpenFlags | O_NOFOLLOW);
  if (descriptor < 0) return std::nullopt;
  return OpenDirectory(descriptor);
}

OpenDirectory::OpenDirectory(OpenDirectory&& other) noexcept : descriptor_(other.release()) {}

OpenDirectory& OpenDirectory::operator=(OpenDirectory&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

OpenDirectory::~OpenDirectory() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int OpenDirectory::release() { return std::exchange(descriptor_, -1); }

std::optional<DirectoryIdentity> identity_of(int directory) {
  struct stat found {};
  const int outcome = ::fstat(directory, &found);
  return identity(outcome, found);
}

std::optional<DirectoryIdentity> identity_at(const std::string& path) {
  struct stat found {};
  const int outcome = ::stat(path.c_str(), &found);
  return identity(outcome, found);
}

std::int64_t file_system_type(int directory) {
  struct statfs found {};
  if (::fstatfs(directory, &found) != 0) return 0;
  return found.f_type;
}

bool is_changed_unseen(std::int64_t file_system_type) {
  // Some kernels hand out the magic of 32 bits with its sign.
  const auto type = static_cast<std::int64_t>(static_cast<std::uint32_t>(file_system_type));
  return std::ranges::find(kChangedUnseen, type) != std::end(kChangedUnseen);
}

}  // namespace spoolmq::watcher

// The file-system seam on Linux: a directory is a descriptor, every name is looked up relative to
// one and is a single component, so nothing is ever reached through a symbolic link.

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "core/check.h"
#include "core/file_system.h"
#include "spoolmq/error.h"

namespace spoolmq {
namespace {

constexpr mode_t kPermissionBits = 07777;
constexpr int kOpenFlags = O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;

// Calls again for as long as a signal interrupted it.
template <typename Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// One component below `directory`, and nothing else, whatever stands there: openat2(2) with every
// way out closed. Kernels before 5.6 lack it, and some sandboxes refuse it: O_NOFOLLOW on a single
// component, which all names here are, is the same walk.
int open_beneath(int directory, const char* component, int flags) {
  struct open_how how {};
  how.flags = static_cast<decltype(how.flags)>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const auto opened =
      retried([&] { return ::syscall(SYS_openat2, directory, component, &how, sizeof how); });
  // EAGAIN: something was renamed meanwhile, and the kernel cannot vouch for the way.
  if (opened >= 0 || (errno != ENOSYS && errno != EPERM && errno != EAGAIN)) {
    return static_cast<int>(opened);
  }
  return retried([&] { return ::openat(directory, component, flags); });
}

class Fd {
 public:
  explicit Fd(int number = -1) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&&) = delete;
  ~Fd() {
    // Never retried: Linux frees the number even where close(2) reports EINTR.
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const { return number_; }
  int release() { return std::exchange(number_, -1); }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_;
};

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileStatus status_of(const struct stat& from) {
  FileStatus status;
  status.kind = S_ISREG(from.st_mode)   ? FileKind::kRegular
                : S_ISDIR(from.st_mode) ? FileKind::kDirectory
                                        : FileKind::kOther;
  status.device = from.st_dev;
  status.inode = from.st_ino;
  status.size = static_cast<std::uint64_t>(from.st_size);
  status.blocks = static_cast<std::uint64_t>(from.st_blocks);
  status.links = from.st_nlink;
  status.mode = from.st_mode & kPermissionBits;
  status.uid = from.st_uid;
  status.gid = from.st_gid;
  status.mtime_ns = nanoseconds(from.st_mtim);
  status.ctime_ns = nanoseconds(from.st_ctim);
  return status;
}

FileStatus status_of_descriptor(int fd, const std::string& path) {
  struct stat found {};
  if (::fstat(fd, &found) != 0) throw Error::from_errno(errno, "stat", path);
  return status_of(found);
}

// The umask has taken bits away, and a set-group-id directory may have added one.
void give_exact_mode(int fd, std::uint32_t mode, const std::string& path) {
  if (status_of_descriptor(fd, path).mode == (mode & kPermissionBits)) return;
  if (::fchmod(fd, mode & kPermissionBits) != 0) throw Error::from_errno(errno, "chmod", path);
}

class PosixFile final : public File {
 public:
  PosixFile(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  std::size_t read_at(std::span<std::byte> into, std::uint64_t offset) override {
    std::size_t done = 0;
    while (done < into.size()) {
      const auto got = retried([&] {
        return ::pread(fd(), into.data() + done, into.size() - done,
                       static_cast<off_t>(offset + done));
      });
      if (got < 0) fail("read");
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  void write_at(std::span<const std::byte> from, std::uint64_t offset) override {
    std::size_t done = 0;
    while (done < from.size()) {
      const auto put = retried([&] {
        return ::pwrite(fd(), from.data() + done, from.size() - done,
                        static_cast<off_t>(offset + done));
      });
      if (put < 0) fail("write");
      if (put == 0) throw Error::from_errno(EIO, "write", path_);
      done += static_cast<std::size_t>(put);
    }
  }

  FileStatus status() override { return status_of_descriptor(fd(), path_); }

  void truncate(std::uint64_t size) override {
    if (retried([&] { return ::ftruncate(fd(), static_cast<off_t>(size)); }) != 0) fail("truncate");
  }

  bool allocate(std::uint64_t offset, std::uint64_t length) override {
    return change_blocks(0, offset, length, "allocate");
  }

  bool punch(std::uint64_t offset, std::uint64_t length) override {
    return change_blocks(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length, "punch");
  }

  void sync_data() override {
    if (retried([&] { return ::fdatasync(fd()); }) != 0) fail("sync");
  }

  void sync() override {
    if (retried([&] { return ::fsync(fd()); }) != 0) fail("sync");
  }

  void begin_writing(std::uint64_t offset, std::uint64_t length) override {
    ::sync_file_range(fd(), static_cast<off64_t>(offset), static_cast<off64_t>(length),
                      SYNC_FILE_RANGE_WRITE);
  }

  bool try_lock(std::uint64_t offset, std::uint64_t length, LockKind kind) override {
    struct flock lock = range(offset, length, kind == LockKind::kShared ? F_RDLCK : F_WRLCK);
    if (retried([&] { return ::fcntl(fd(), F_OFD_SETLK, &lock); }) == 0) return true;
    if (errno != EAGAIN && errno != EACCES) fail("lock");
    return false;
  }

  void unlock(std::uint64_t offset, std::uint64_t length) override {
    struct flock lock = range(offset, length, F_UNLCK);
    if (retried([&] { return ::fcntl(fd(), F_OFD_SETLK, &lock); }) != 0) fail("unlock");
  }

  bool is_locked_by_another(std::uint64_t offset, std::uint64_t length) override {
    struct flock lock = range(offset, length, F_WRLCK);
    if (retried([&] { return ::fcntl(fd(), F_OFD_GETLK, &lock); }) != 0) fail("look for a lock");
    return lock.l_type != F_UNLCK;
  }

  void set_owner(std::uint32_t uid, std::uint32_t gid) override {
    if (::fchown(fd(), uid, gid) != 0) fail("chown");
  }

  void set_mode(std::uint32_t mode) override {
    if (::fchmod(fd(), mode & kPermissionBits) != 0) fail("chmod");
  }

  void set_mtime(std::int64_t mtime_ns) override {
    constexpr std::int64_t kNsPerSecond = 1'000'000'000;
    const std::int64_t rest = (mtime_ns % kNsPerSecond + kNsPerSecond) % kNsPerSecond;
    timespec times[2] = {};
    times[0].tv_nsec = UTIME_OMIT;  // the time of access
    times[1].tv_sec = (mtime_ns - rest) / kNsPerSecond;
    times[1].tv_nsec = rest;
    if (::futimens(fd(), times) != 0) fail("set the time of");
  }

  bool clone_from(File& source) override {
    const int from = source.descriptor();
    SPOOLMQ_CHECK(from >= 0);
    if (retried([&] { return ::ioctl(fd(), FICLONE, from); }) == 0) return true;
    switch (errno) {
      case EOPNOTSUPP:
      case EXDEV:
      case EINVAL:
      case ENOTTY:
      case ENOSYS:
        return false;
      default:
        fail("clone");
    }
  }

  [[nodiscard]] int descriptor() const override { return fd(); }

  void named(std::string path) { path_ = std::move(path); }

 private:
  [[nodiscard]] int fd() const { return fd_.number(); }

  [[noreturn]] void fail(std::string_view operation) const {
    throw Error::from_errno(errno, operation, path_);
  }

  static struct flock range(std::uint64_t offset, std::uint64_t length, short type) {
    struct flock lock {};  // l_pid must be 0 for locks of an open file description
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>(offset);
    lock.l_len = static_cast<off_t>(length);
    return lock;
  }

  bool change_blocks(int mode, std::uint64_t offset, std::uint64_t length,
                     std::string_view operation) {
    if (length == 0) return true;
    const int result = retried([&] {
      return ::fallocate(fd(), mode, static_cast<off_t>(offset), static_cast<off_t>(length));
    });
    if (result == 0) return true;
    if (errno != EOPNOTSUPP && errno != ENOSYS) fail(operation);
    return false;
  }

  Fd fd_;
  std::string path_;
};

class PosixDir final : public Dir {
 public:
  PosixDir(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  [[nodiscard]] const std::string& path() const override { return path_; }

  std::unique_ptr<File> open(std::string_view name, Access access) override {
    const std::string component = one(name);
    Fd file = open_existing(component, access);
    if (!file) return nullptr;
    return std::make_unique<PosixFile>(std::move(file), path_of(name));
  }

  std::unique_ptr<File> create(std::string_view name, std::uint32_t mode,
                               IfExists if_exists) override {
    constexpr int kMostTries = 100;  // each lost to somebody who makes and removes the name
    const std::string component = one(name);
    for (int tries = 0; tries < kMostTries; ++tries) {
      if (if_exists == IfExists::kOpen) {
        Fd existing = open_existing(component, Access::kReadWrite);
        if (existing) return std::make_unique<PosixFile>(std::move(existing), path_of(name));
      }
      Fd made(retried([&] {
        return ::openat(fd(), component.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOATIME | kOpenFlags,
                        mode & kPermissionBits);
      }));
      if (made) {
        give_exact_mode(made.number(), mode, path_of(name));
        return std::make_unique<PosixFile>(std::move(made), path_of(name));
      }
      if (errno != EEXIST || if_exists == IfExists::kFail) fail("create", name);
    }
    throw Error::from_errno(EAGAIN, "create", path_of(name));
  }

  std::unique_ptr<File> create_unnamed(std::uint32_t mode) override {
    const std::string path = path_of("(unnamed)");
    Fd made(retried([&] {
      return ::openat(fd(), ".", O_RDWR | O_TMPFILE | O_NOATIME | O_CLOEXEC,
                      mode & kPermissionBits);
    }));
    if (!made) {
      // open(2): what kernels and file systems without O_TMPFILE answer.
      if (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT) return nullptr;
      throw Error::from_errno(errno, "create", path);
    }
    give_exact_mode(made.number(), mode, path);
    return std::make_unique<PosixFile>(std::move(made), path);
  }

  bool link_unnamed(File& file, std::string_view name) override {
    auto* const unnamed = dynamic_cast<PosixFile*>(&file);
    SPOOLMQ_CHECK(unnamed != nullptr);
    const std::string component = one(name);
    const std::string magic_link = "/proc/self/fd/" + std::to_string(unnamed->descriptor());
    int result = ::linkat(AT_FDCWD, magic_link.c_str(), fd(), component.c_str(), AT_SYMLINK_FOLLOW);
    if (result != 0 && (errno == ENOENT || errno == ENOTDIR)) {  // no /proc here
      result = ::linkat(unnamed->descriptor(), "", fd(), component.c_str(), AT_EMPTY_PATH);
    }
    if (result != 0) {
      if (errno == EEXIST) return false;
      fail("link", name);
    }
    unnamed->named(path_of(name));
    return true;
  }

  bool link_from(Dir& from, std::string_view from_name, std::string_view to_name) override {
    const std::string source = one(from_name);
    const std::string target = one(to_name);
    if (::linkat(posix(from).fd(), source.c_str(), fd(), target.c_str(), 0) == 0) return true;
    if (errno != EEXIST && errno != EXDEV && errno != EPERM && errno != EMLINK) {
      posix(from).fail("link", from_name);
    }
    return false;
  }

  bool rename_new(std::string_view from_name, Dir& to, std::string_view to_name) override {
    PosixDir& target_dir = posix(to);
    const std::string source = one(from_name);
    const std::string target = one(to_name);
    if (::renameat2(fd(), source.c_str(), target_dir.fd(), target.c_str(), RENAME_NOREPLACE) == 0) {
      return true;
    }
    if (errno == EINVAL || errno == ENOSYS) {  // a file system without RENAME_NOREPLACE
      if (::linkat(fd(), source.c_str(), target_dir.fd(), target.c_str(), 0) == 0) {
        if (::unlinkat(fd(), source.c_str(), 0) != 0 && errno != ENOENT) fail("rename", from_name);
        return true;
      }
    }
    if (errno != EEXIST) fail("rename", from_name);
    return false;
  }

  void rename_over(std::string_view from_name, Dir& to, std::string_view to_name) override {
    const std::string source = one(from_name);
    const std::string target = one(to_name);
    if (::renameat(fd(), source.c_str(), posix(to).fd(), target.c_str()) != 0) {
      fail("rename", from_name);
    }
  }

  bool unlink(std::string_view name) override { return remove(name, 0); }
  bool remove_dir(std::string_view name) override { return remove(name, AT_REMOVEDIR); }

  bool make_dir(std::string_view name, std::uint32_t mode) override {
    const std::string component = one(name);
    if (::mkdirat(fd(), component.c_str(), mode & kPermissionBits) != 0) {
      if (errno == EEXIST) return false;
      fail("make directory", name);
    }
    Fd made = open_directory(component);
    if (!made) fail("open", name);
    give_exact_mode(made.number(), mode, path_of(name));
    return true;
  }

  std::unique_ptr<Dir> open_dir(std::string_view name) override {
    const bool self = name == ".";
    Fd opened = open_directory(self ? std::string(".") : one(name));
    if (!opened) {
      if (errno == ENOENT) return nullptr;
      fail("open", name);
    }
    return std::make_unique<PosixDir>(std::move(opened), self ? path_ : path_of(name));
  }

  std::optional<FileStatus> status(std::string_view name) override {
    const std::string component = one(name);
    struct stat found {};
    if (::fstatat(fd(), component.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return std::nullopt;
      fail("stat", name);
    }
    return status_of(found);
  }

  FileStatus status() override { return status_of_descriptor(fd(), path_); }

  void set_owner(std::uint32_t uid, std::uint32_t gid) override {
    if (::fchown(fd(), uid, gid) != 0) fail("chown");
  }

  void set_mode(std::uint32_t mode) override {
    if (::fchmod(fd(), mode & kPermissionBits) != 0) fail("chmod");
  }

  void list(const std::function<bool(std::string_view name)>& visit) override {
    // A description of its own: the position in the directory belongs to the description.
    Fd again = open_directory(".");
    if (!again) fail("list");
    const std::unique_ptr<DIR, CloseDir> stream(::fdopendir(again.number()));
    if (!stream) fail("list");
    again.release();
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(stream.get());
      if (entry == nullptr) {
        if (errno != 0) fail("list");
        return;
      }
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (!visit(name)) return;
    }
  }

  // XFS answers 0 for a directory even if it was shut down before or meanwhile, after an error of
  // its log, and what was linked is lost: its shutdown leaves nothing to be waited for. Whoever can
  // still look at the directory afterwards knows that it was not.
  void sync() override {
    struct stat seen {};
    if (retried([&] { return ::fsync(fd()); }) != 0 || ::fstat(fd(), &seen) != 0) fail("sync");
  }

  Space space() override {
    struct statvfs found {};
    if (retried([&] { return ::fstatvfs(fd(), &found); }) != 0) fail("measure space");
    return {std::uint64_t{found.f_bavail} * found.f_frsize,
            found.f_files == 0 ? UINT64_MAX : std::uint64_t{found.f_favail}};
  }

  std::int64_t file_system_magic() override {
    struct statfs found {};
    if (retried([&] { return ::fstatfs(fd(), &found); }) != 0) fail("identify file system");
    return found.f_type;
  }

 private:
  struct CloseDir {
    void operator()(DIR* stream) const { ::closedir(stream); }
  };

  [[nodiscard]] int fd() const { return fd_.number(); }

  // One component, never one that leads elsewhere.
  static std::string one(std::string_view name) {
    SPOOLMQ_CHECK(!name.empty() && name != "." && name != "..");
    SPOOLMQ_CHECK(name.find('/') == std::string_view::npos);
    SPOOLMQ_CHECK(name.find('\0') == std::string_view::npos);
    return std::string(name);
  }

  static PosixDir& posix(Dir& dir) {
    auto* const found = dynamic_cast<PosixDir*>(&dir);
    SPOOLMQ_CHECK(found != nullptr);
    return *found;
  }

  [[nodiscard]] std::string path_of(std::string_view name) const {
    std::string path = path_;
    if (path.empty() || path.back() != '/') path += '/';
    return path.append(name);
  }

  [[noreturn]] void fail(std::string_view operation) const {
    throw Error::from_errno(errno, operation, path_);
  }

  [[noreturn]] void fail(std::string_view operation, std::string_view name) const {
    const int error_number = errno;
    throw Error::from_errno(error_number, operation, path_of(name));
  }

  // Without O_NONBLOCK a FIFO put in the way would hold the caller; for files it changes nothing.
  // A read that notes its time makes the inode dirty, and may wait until its block, which holds
  // other files' inodes too, is on disk; only the owner may read without (open(2), O_NOATIME).
  // No descriptor: there is none of that name.
  Fd open_existing(const std::string& component, Access access) {
    const int flags = (access == Access::kRead ? O_RDONLY : O_RDWR) | kOpenFlags | O_NONBLOCK;
    int opened = open_beneath(fd(), component.c_str(), flags | O_NOATIME);
    if (opened < 0 && errno == EPERM) opened = open_beneath(fd(), component.c_str(), flags);
    Fd file(opened);
    if (!file && errno != ENOENT) fail("open", component);
    return file;
  }

  Fd open_directory(const std::string& component) {
    return Fd(open_beneath(fd(), component.c_str(), O_RDONLY | O_DIRECTORY | kOpenFlags));
  }

  bool remove(std::string_view name, int flags) {
    const std::string component = one(name);
    if (::unlinkat(fd(), component.c_str(), flags) == 0) return true;
    if (errno != ENOENT) fail("remove", name);
    return false;
  }

  Fd fd_;
  std::string path_;
};

}  // namespace

std::unique_ptr<File> adopt_posix_file(int descriptor, std::string path) {
  const int duplicate = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) throw Error::from_errno(errno, "duplicate", path);
  return std::make_unique<PosixFile>(Fd(duplicate), std::move(path));
}

std::unique_ptr<Dir> open_posix_dir(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr),
                                                             &std::free);
  if (!resolved) throw Error::from_errno(errno, "open", path);
  Fd opened(retried([&] { return ::open(resolved.get(), O_RDONLY | O_DIRECTORY | kOpenFlags); }));
  if (!opened) throw Error::from_errno(errno, "open", path);
  return std::make_unique<PosixDir>(std::move(opened), resolved.get());
}

}  // namespace spoolmq

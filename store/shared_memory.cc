#include "store/shared_memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/id_source.h"
#include "core/log.h"

namespace spoolmq {
namespace {

constexpr std::size_t kDeviceAt = 32;
constexpr std::size_t kInodeAt = 40;
constexpr std::size_t kNamespaceAt = 48;
constexpr std::size_t kPathLengthAt = 56;
constexpr std::size_t kBirthAt = 64;
constexpr std::size_t kPathAt = 72;
constexpr std::size_t kIdentityEnd = 1024;
constexpr std::size_t kMostNamesListed = 4096;
constexpr std::size_t kMostLookedAt = 64;

std::string text_of(int error) { return std::generic_category().message(error); }

std::uint64_t mount_namespace() {
  struct stat status {};
  return ::stat("/proc/self/ns/mnt", &status) == 0 ? std::uint64_t{status.st_ino} : 0;
}

// 0 where the file system does not know.
std::uint64_t birth_ns(const std::string& path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BTIME, &status) != 0 ||
      (status.stx_mask & STATX_BTIME) == 0) {
    return 0;
  }
  return static_cast<std::uint64_t>(status.stx_btime.tv_sec) * 1'000'000'000 +
         status.stx_btime.tv_nsec;
}

}  // namespace

// ---- SharedMapping

SharedMapping::SharedMapping(SharedMapping&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SharedMapping& SharedMapping::operator=(SharedMapping&& other) noexcept {
  if (this == &other) return *this;
  if (bytes_ != nullptr) ::munmap(bytes_, size_);
  bytes_ = std::exchange(other.bytes_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

SharedMapping::~SharedMapping() {
  if (bytes_ != nullptr) ::munmap(bytes_, size_);
}

// ---- SharedMemory

class SharedMemory::Fd {
 public:
  explicit Fd(int number = -1) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&&) = delete;
  ~Fd() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

namespace {

SharedMapping map(int fd, std::size_t size) {
  void* const mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) return {};
  return {static_cast<std::byte*>(mapped), size};
}

bool is_of_a_queue_that_is_gone(int dir, const char* name, std::uint64_t our_namespace) {
  const int fd = ::openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return false;
  std::byte bytes[kIdentityEnd];
  const ssize_t got = ::pread(fd, bytes, sizeof bytes, 0);
  ::close(fd);
  if (got != static_cast<ssize_t>(sizeof bytes)) return false;
  const std::span<const std::byte> all(bytes);
  const std::size_t length = load_le<std::uint32_t>(all, kPathLengthAt);
  if (load_le<std::uint64_t>(all, kNamespaceAt) != our_namespace || length == 0 ||
      length > kIdentityEnd - kPathAt) {
    return false;
  }
  const std::string path(reinterpret_cast<const char*>(bytes) + kPathAt, length);
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno == ENOENT || errno == ENOTDIR;
  return status.st_dev != load_le<std::uint64_t>(all, kDeviceAt) ||
         status.st_ino != load_le<std::uint64_t>(all, kInodeAt);
}

// Looks at a few of the directory's files, others each time.
void remove_what_queues_left(int dir) {
  const int again = ::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (again < 0) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(again), ::closedir);
  if (!list) {
    ::close(again);
    return;
  }
  std::vector<std::string> names;
  while (const dirent* const entry = ::readdir(list.get())) {
    if (entry->d_name[0] == '.') continue;
    names.emplace_back(entry->d_name);
    if (names.size() == kMostNamesListed) break;
  }
  if (names.empty()) return;
  const std::uint64_t our_namespace = mount_namespace();
  const std::size_t first = random_bits() % names.size();
  for (std::size_t i = 0; i < std::min(names.size(), kMostLookedAt); ++i) {
    const char* const name = names[(first + i) % names.size()].c_str();
    if (is_of_a_queue_that_is_gone(dir, name, our_namespace)) ::unlinkat(dir, name, 0);
  }
}

}  // namespace

SharedMemory::SharedMemory(const FileStatus& queue_directory, std::string queue_path,
                           std::uint32_t files_mode)
    : queue_(queue_directory),
      queue_path_(std::move(queue_path)),
      queue_birth_ns_(birth_ns(queue_path_)),
      for_group_((files_mode & 0060) != 0),
      directory_("/dev/shm/spoolmq-" + std::to_string(queue_directory.uid)) {}

std::string SharedMemory::name_of(const std::string& kind) const {
  return kind + "-" + std::to_string(queue_.device) + "-" + std::to_string(queue_.inode);
}

SharedMemory::Fd SharedMemory::open_directory(bool make, std::string& why) const {
  if (make && ::mkdir(directory_.c_str(), for_group_ ? 0711 : 0700) == 0 && ::geteuid() == 0 &&
      ::chown(directory_.c_str(), queue_.uid, queue_.gid) != 0) {
    why = directory_ + ": " + text_of(errno);
    return Fd();
  }
  // The group may pass through without reading it.
  Fd dir(::open(directory_.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!dir.is_open() || ::fstat(dir.get(), &status) != 0) {
    why = directory_ + ": " + text_of(errno);
    return Fd();
  }
  // Another user's directory in the way is not ours to trust.
  if (status.st_uid != queue_.uid || (status.st_mode & 0022) != 0) {
    why = directory_ + " is another user's, or others can write in it";
    return Fd();
  }
  if (make && for_group_ && (status.st_mode & 0011) == 0) {
    static_cast<void>(::chmod(directory_.c_str(), 0711));
  }
  return dir;
}

SharedMapping SharedMemory::map_named(
    const Fd& dir, const std::string& name,
    const std::function<bool(std::span<const std::byte>)>& accepts) const {
  const Fd file(::openat(dir.get(), name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_uid != queue_.uid || status.st_size < static_cast<off_t>(kIdentityEnd)) {
    return {};
  }
  SharedMapping mapped = map(file.get(), static_cast<std::size_t>(status.st_size));
  if (!mapped.is_mapped()) return {};
  if (is_former_queues(mapped.bytes())) {
    ::unlinkat(dir.get(), name.c_str(), 0);
    return {};
  }
  if (!accepts(mapped.bytes())) return {};
  return mapped;
}

bool SharedMemory::is_former_queues(std::span<const std::byte> bytes) const {
  const auto stated = load_le<std::uint64_t>(bytes, kBirthAt);
  return queue_birth_ns_ != 0 && stated != 0 && stated != queue_birth_ns_;
}

void SharedMemory::identify(const SharedMapping& made) const {
  const std::size_t room = kIdentityEnd - kPathAt;
  const std::size_t length = queue_path_.size() <= room ? queue_path_.size() : 0;
  store_le(made.bytes(), kDeviceAt, queue_.device);
  store_le(made.bytes(), kInodeAt, queue_.inode);
  store_le(made.bytes(), kNamespaceAt, mount_namespace());
  store_le(made.bytes(), kBirthAt, queue_birth_ns_);
  store_le(made.bytes(), kPathLengthAt, static_cast<std::uint32_t>(length));
  std::memcpy(made.bytes().data() + kPathAt, queue_path_.data(), length);
}

SharedMemory::Opened SharedMemory::open_or_make(
    const std::string& kind, std::size_t size,
    const std::function<void(const SharedMapping&)>& fill,
    const std::function<bool(std::span<const std::byte>)>& accepts) {
  Opened result;
  const Fd dir = open_directory(true, result.why);
  if (!dir.is_open()) return result;
  const std::string name = name_of(kind);
  result.mapping = map_named(dir, name, accepts);
  if (result.mapping.is_mapped()) return result;
  remove_what_queues_left(dir.get());

  const auto refuse = [&](int error) {
    result.why = directory_ + "/" + name + ": " + text_of(error);
    return std::move(result);
  };
  const Fd file(::openat(dir.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.is_open()) return refuse(errno);
  if (const int error = ::posix_fallocate(file.get(), 0, static_cast<off_t>(size)); error != 0) {
    return refuse(error);
  }
  // The queue's group and no other, or nobody's but the owner's.
  const bool is_root = ::geteuid() == 0;
  if ((is_root || for_group_) &&
      ::fchown(file.get(), is_root ? queue_.uid : static_cast<uid_t>(-1), queue_.gid) != 0) {
    return refuse(errno);
  }
  if (::fchmod(file.get(), for_group_ ? 0660 : 0600) != 0) return refuse(errno);
  SharedMapping made = map(file.get(), size);
  if (!made.is_mapped()) return refuse(errno);
  identify(made);
  fill(made);
  const std::string itself = "/proc/self/fd/" + std::to_string(file.get());
  if (::linkat(AT_FDCWD, itself.c_str(), dir.get(), name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
    result.mapping = std::move(made);
    return result;
  }
  if (errno != EEXIST) return refuse(errno);
  result.mapping = map_named(dir, name, accepts);  // somebody was faster, or it is in the way
  if (!result.mapping.is_mapped()) return refuse(EEXIST);
  return result;
}

SharedMapping SharedMemory::open(const std::string& kind,
                                 const std::function<bool(std::span<const std::byte>)>& accepts) {
  std::string why;
  const Fd dir = open_directory(false, why);
  if (!dir.is_open()) return {};
  return map_named(dir, name_of(kind), accepts);
}

std::uint64_t SharedMemory::inode(const std::string& kind) const {
  struct stat status {};
  const std::string path = directory_ + "/" + name_of(kind);
  return ::lstat(path.c_str(), &status) == 0 ? std::uint64_t{status.st_ino} : 0;
}

void SharedMemory::remove(const std::string& kind) {
  static_cast<void>(::unlink((directory_ + "/" + name_of(kind)).c_str()));
}

}  // namespace spoolmq

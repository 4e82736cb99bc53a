#include "adapters/shm_segment.h"

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

#include "adapters/kernel_limit.h"
#include "core/bytes.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::uint32_t kMode = 0600;

std::atomic_ref<std::uint64_t> magic_of(std::span<std::byte> bytes) {
  return std::atomic_ref(*reinterpret_cast<std::uint64_t*>(bytes.data() + shm::at::kMagic));
}

void write_shape(std::span<std::byte> bytes, const shm::Shape& shape) {
  store_le(bytes, shm::at::kSync, static_cast<std::uint32_t>(shape.sync));
  store_le(bytes, shm::at::kEntries, shape.entries);
  store_le(bytes, shm::at::kEntryBytes, shape.entry_bytes);
  store_le(bytes, shm::at::kTotalBytes, shape.total_bytes());
}

}  // namespace

std::optional<shm::Shape> parse_shm_header(std::span<const std::byte> header, std::uint64_t size,
                                           std::string& why) {
  if (header.size() < shm::kHeaderBytes || size < shm::kHeaderBytes) {
    why = "it is smaller than the header of a segment";
    return std::nullopt;
  }
  if (load_le<std::uint64_t>(header, shm::at::kMagic) != shm::kMagic) {
    why = "it is no segment of this layout, or its maker has not finished it";
    return std::nullopt;
  }
  shm::Shape shape;
  shape.sync = static_cast<shm::Sync>(load_le<std::uint32_t>(header, shm::at::kSync));
  shape.entries = load_le<std::uint32_t>(header, shm::at::kEntries);
  shape.entry_bytes = load_le<std::uint32_t>(header, shm::at::kEntryBytes);
  const auto stated = load_le<std::uint64_t>(header, shm::at::kTotalBytes);
  if (!shape.is_sound()) {
    why = "its header states an impossible sync, number or size of entries";
  } else if (stated != shape.total_bytes() || size < stated) {
    why = "its header states another size than it has";
  } else {
    return shape;
  }
  return std::nullopt;
}

ShmSegment::ShmSegment(ShmOpening opening, Side side) : opening_(std::move(opening)) {
  try {
    if (opening_.place.key) {
      open_sysv();
    } else {
      open_file();
    }
    accept();
    claim(side);
  } catch (...) {  // the destructor of what is half made does not run
    unmap();
    throw;
  }
}

ShmSegment::~ShmSegment() {
  if (opening_.remove && !was_removed()) {
    if (opening_.place.key) {
      ::shmctl(sysv_, IPC_RMID, nullptr);
    } else {
      ::unlink(opening_.place.path.c_str());
    }
  }
  unmap();
}

void ShmSegment::unmap() {
  guard_.reset();
  if (bytes_.empty()) return;
  if (opening_.place.key) {
    ::shmdt(bytes_.data());
  } else {
    ::munmap(bytes_.data(), bytes_.size());
  }
  bytes_ = {};
}

// ---- A file

// Not through a link: whoever may write to its directory does not choose which file is written.
void ShmSegment::open_file() {
  constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  const std::string& path = opening_.place.path;
  file_ = Descriptor(::open(path.c_str(), kFlags));
  if (!file_.is_open() && errno == ENOENT) {
    if (!opening_.create) {
      throw Error(ErrorCode::kNotFound, "open", opening_.place.text,
                  "there is no such segment (`create` makes it)");
    }
    if (make_file()) return;
    file_ = Descriptor(::open(path.c_str(), kFlags));  // somebody was faster
  }
  struct stat status {};
  if (!file_.is_open() || ::fstat(file_.number(), &status) != 0) {
    throw Error::from_errno(errno, "open", opening_.place.text);
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kConfiguration, "open", opening_.place.text, "it is no regular file");
  }
  map(file_.number(), static_cast<std::uint64_t>(status.st_size));
}

// False: another has the name. It gets its name when it is whole, so that nobody sees half of it;
// and all of its memory, so that a full file system is an error here and no signal later.
bool ShmSegment::make_file() {
  const std::string& path = opening_.place.path;
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  const auto refused = [this](int error) {
    return Error::from_errno(error, "make", opening_.place.text);
  };
  Descriptor made(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, kMode));
  if (!made.is_open()) throw refused(errno);
  const std::uint64_t size = opening_.wished.total_bytes();
  const int error = ::posix_fallocate(made.number(), 0, static_cast<off_t>(size));
  if (error != 0) throw refused(error);
  map(made.number(), size);
  prepare(bytes_);
  if (::fchmod(made.number(), opening_.mode.value_or(kMode)) != 0) throw refused(errno);
  const std::string itself = "/proc/self/fd/" + std::to_string(made.number());
  if (::linkat(AT_FDCWD, itself.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    if (errno != EEXIST) throw refused(errno);
    unmap();
    return false;
  }
  file_ = std::move(made);
  return true;
}

void ShmSegment::map(int descriptor, std::uint64_t size) {
  if (size < shm::kHeaderBytes || size > shm::kMostBytes) {
    throw Error(ErrorCode::kConfiguration, "open", opening_.place.text,
                "its size is none that a segment can have");
  }
  void* const mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (mapped == MAP_FAILED) throw Error::from_errno(errno, "map", opening_.place.text);
  bytes_ = {static_cast<std::byte*>(mapped), size};
  guard_.emplace(bytes_);
}

// ---- System V

void ShmSegment::open_sysv() {
  const key_t key = resolve(*opening_.place.key);
  bool is_new = false;
  sysv_ = ::shmget(key, 0, 0);
  if (sysv_ < 0 && errno == ENOENT && opening_.create) {
    const int mode = static_cast<int>(opening_.mode.value_or(kMode));
    sysv_ = ::shmget(key, opening_.wished.total_bytes(), IPC_CREAT | IPC_EXCL | mode);
    is_new = sysv_ >= 0;
    if (sysv_ < 0 && errno == EEXIST) sysv_ = ::shmget(key, 0, 0);
  }
  if (sysv_ < 0 && errno == ENOENT) {
    throw Error(ErrorCode::kNotFound, "open", opening_.place.text,
                "there is no such segment (`create` makes it)");
  }
  if (sysv_ < 0 && (errno == ENOSPC || errno == EINVAL)) {
    throw Error(ErrorCode::kOsResource, "make", opening_.place.text,
                std::to_string(opening_.wished.total_bytes()) +
                    " bytes: " + explain_limit("kernel.shmmax") + ", " +
                    explain_limit("kernel.shmmni") + ", " + explain_limit("kernel.shmall"));
  }
  if (sysv_ < 0) throw Error::from_errno(errno, "open", opening_.place.text);
  shmid_ds status{};
  if (::shmctl(sysv_, IPC_STAT, &status) != 0) {
    throw Error::from_errno(errno, "open", opening_.place.text);
  }
  void* const mapped = ::shmat(sysv_, nullptr, 0);
  if (mapped == reinterpret_cast<void*>(-1)) {
    throw Error::from_errno(errno, "attach", opening_.place.text);
  }
  bytes_ = {static_cast<std::byte*>(mapped), status.shm_segsz};
  if (is_new) prepare(bytes_);
}

// ---- Both

void ShmSegment::prepare(std::span<std::byte> bytes) const {
  write_shape(bytes, opening_.wished);
  if (opening_.prepare) opening_.prepare(bytes);
  magic_of(bytes).store(shm::kMagic, std::memory_order_release);
}

void ShmSegment::accept() {
  std::array<std::byte, shm::kHeaderBytes> header{};  // a copy: what is checked is what is used
  const std::size_t there = std::min(bytes_.size(), header.size());
  if (there >= sizeof(std::uint64_t)) {
    static_cast<void>(magic_of(bytes_).load(std::memory_order_acquire));
  }
  std::copy_n(bytes_.begin(), there, header.begin());
  std::string why;
  const auto shape = parse_shm_header(std::span(header).first(there), bytes_.size(), why);
  if (!shape) throw Error(ErrorCode::kUnavailable, "open", opening_.place.text, why);
  if (shape->sync != opening_.wished.sync) {
    throw Error(ErrorCode::kConfiguration, "open", opening_.place.text,
                "it was made for another sync");
  }
  shape_ = *shape;
}

// Bridges of ours tell each other; programs of strangers may do likewise.
void ShmSegment::claim(Side side) {
  if (!file_.is_open() || (side == Side::kProducer && shm::has_lock(shape_.sync))) return;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = side == Side::kConsumer ? 0 : 1;
  lock.l_len = 1;
  if (::fcntl(file_.number(), F_OFD_SETLK, &lock) == 0) return;
  if (errno != EAGAIN && errno != EACCES) {
    throw Error::from_errno(errno, "lock", opening_.place.text);
  }
  throw Error(ErrorCode::kUnavailable, "open", opening_.place.text,
              side == Side::kConsumer ? "another program is its consumer"
                                      : "another program is its producer");
}

void ShmSegment::check_whole() const {
  struct stat status {};
  const bool is_short = file_.is_open() && ::fstat(file_.number(), &status) == 0 &&
                        static_cast<std::uint64_t>(status.st_size) < bytes_.size();
  if (!is_short && (!guard_ || !guard_->is_broken())) return;
  throw Error(ErrorCode::kUnavailable, "use", opening_.place.text,
              "the segment was shortened while in use");
}

bool ShmSegment::was_removed() const {
  if (file_.is_open()) {
    struct stat status {};
    return ::fstat(file_.number(), &status) == 0 && status.st_nlink == 0;
  }
  shmid_ds status{};
  return ::shmctl(sysv_, IPC_STAT, &status) != 0 || (status.shm_perm.mode & SHM_DEST) != 0;
}

}  // namespace spoolmq::adapters

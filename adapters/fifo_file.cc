#include "adapters/fifo_file.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "adapters/user_key.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::uint32_t kOthers = 0007;
constexpr std::uint32_t kPermissions = 07777;

std::string at_descriptor(int number) { return "/proc/self/fd/" + std::to_string(number); }

// Not through a link: whoever may write to its directory does not choose where the bytes go.
Descriptor place_of(const std::string& path) {
  constexpr int kFlags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  Descriptor place(::open(path.c_str(), kFlags));
  if (place.is_open()) return place;
  if (errno != ENOENT) throw Error::from_errno(errno, "open", path);
  if (::mkfifo(path.c_str(), kDefaultFifoMode) != 0 && errno != EEXIST) {
    throw Error::from_errno(errno, "make", path);
  }
  place = Descriptor(::open(path.c_str(), kFlags));
  if (!place.is_open()) throw Error::from_errno(errno, "open", path);
  return place;
}

}  // namespace

FifoFile FifoFile::open(const FifoRules& rules) {
  FifoFile file(rules.path, place_of(rules.path));
  file.check(rules);
  return file;
}

void FifoFile::check(const FifoRules& rules) {
  struct stat status {};
  if (::fstat(place_.number(), &status) != 0) throw Error::from_errno(errno, "open", path_);
  const auto refused = [this](ErrorCode code, const std::string& why) {
    return Error(code, "open", path_, why);
  };
  if (!S_ISFIFO(status.st_mode)) {
    throw refused(ErrorCode::kConfiguration, "something that is no FIFO is there");
  }
  if (status.st_nlink > 1) {
    throw refused(ErrorCode::kConfiguration, "the FIFO has a second name (a hard link)");
  }
  const bool is_ours = status.st_uid == ::geteuid();
  if (!is_ours && status.st_uid != 0 && status.st_uid != rules.owner) {
    throw refused(ErrorCode::kPermission,
                  "it belongs to " + shown_user(status.st_uid) + "; `owner` would allow it");
  }
  if (is_ours && rules.mode && (status.st_mode & kPermissions) != *rules.mode) {
    if (::chmod(at_descriptor(place_.number()).c_str(), *rules.mode) != 0) {
      throw Error::from_errno(errno, "set the mode of", path_);
    }
    status.st_mode = *rules.mode;
  }
  const std::uint32_t allowed = rules.mode.value_or(kDefaultFifoMode);
  if ((status.st_mode & kOthers & ~allowed) != 0) {
    throw refused(ErrorCode::kPermission,
                  "everybody may read or write it; `mode` would have to allow that");
  }
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

int FifoFile::open_place(int flags) const {
  return ::open(at_descriptor(place_.number()).c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

Descriptor FifoFile::open_reader() const {
  Descriptor opened(open_place(O_RDONLY));
  if (!opened.is_open()) throw Error::from_errno(errno, "read", path_);
  return opened;
}

std::optional<Descriptor> FifoFile::open_writer() const {
  Descriptor opened(open_place(O_WRONLY));
  if (opened.is_open()) return opened;
  if (errno != ENXIO) throw Error::from_errno(errno, "write", path_);
  return std::nullopt;
}

bool FifoFile::is_at_path() const {
  struct stat status {};
  return ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
         status.st_ino == inode_;
}

std::size_t unread_bytes(int pipe_end) {
  int count = 0;
  if (::ioctl(pipe_end, FIONREAD, &count) != 0)
    throw Error::from_errno(errno, "look into", "a FIFO");
  return static_cast<std::size_t>(count);
}

}  // namespace spoolmq::adapters

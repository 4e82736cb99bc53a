#include "adapters/tail_fifo.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr mode_t kMode = 0600;
constexpr std::int64_t kLookEveryMs = 1000;

// Not through a link: whoever may write to its directory does not choose where the bytes go.
Descriptor open_fifo(const std::string& path) {
  constexpr int kFlags = O_RDWR | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC;
  Descriptor opened(::open(path.c_str(), kFlags));
  if (opened.is_open()) return opened;
  if (errno != ENOENT) throw Error::from_errno(errno, "open", path);
  if (::mkfifo(path.c_str(), kMode) != 0 && errno != EEXIST) {
    throw Error::from_errno(errno, "make", path);
  }
  opened = Descriptor(::open(path.c_str(), kFlags));
  if (!opened.is_open()) throw Error::from_errno(errno, "open", path);
  return opened;
}

}  // namespace

TailFifo::TailFifo(std::string path, TargetPlace place)
    : path_(std::move(path)), place_(std::move(place)) {}

void TailFifo::attend(At /*at*/) {
  const std::int64_t now_ms = place_.clock->boot_ms();
  if (pipe_.is_open() && now_ms >= look_boot_ms_ && !is_at_path()) close();
  if (!pipe_.is_open()) open();
  if (now_ms >= look_boot_ms_) look_boot_ms_ = now_ms + kLookEveryMs;
  static_cast<void>(pipe_.write(path_));  // we read it too: it is never kGone
}

bool TailFifo::has_room() const { return pipe_.is_open() && pipe_.cursor().is_done(); }

void TailFifo::put(TailPiece& piece) {
  pipe_.load(piece);
  static_cast<void>(pipe_.write(path_));
}

void TailFifo::open() {
  Descriptor opened = open_fifo(path_);
  struct stat status {};
  if (::fstat(opened.number(), &status) != 0) throw Error::from_errno(errno, "open", path_);
  if (!S_ISFIFO(status.st_mode)) {
    throw Error(ErrorCode::kCannotCreate, "open", path_, "something that is no FIFO is there");
  }
  device_ = status.st_dev;
  inode_ = status.st_ino;
  pipe_.open(std::move(opened));
}

void TailFifo::close() {
  if (!pipe_.close()) return;
  log::warn("a message was cut off", {{"adapter", place_.adapter}, {"fifo", path_}});
}

bool TailFifo::is_at_path() const {
  struct stat status {};
  return ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
         status.st_ino == inode_;
}

std::unique_ptr<TailTarget> make_fifo_target(const FifoPlace& place, TargetPlace given) {
  return std::make_unique<TailFifo>(place.path, std::move(given));
}

}  // namespace spoolmq::adapters

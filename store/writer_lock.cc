#include "store/writer_lock.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include "core/bytes.h"
#include "spoolmq/error.h"

namespace spoolmq {
namespace {

constexpr char kMagic[] = "SPQLOCK1";
using Clk = std::chrono::steady_clock;
constexpr std::chrono::microseconds kUsualPause{2000};  // the longest, where there is no crowd

layout::LockHeader decode(std::span<const std::byte> bytes) {
  layout::LockHeader header;
  if (std::memcmp(bytes.data(), kMagic, 8) != 0) return header;
  header.generation = load_le<std::uint64_t>(bytes, 8);
  header.transaction = load_le<std::uint64_t>(bytes, 16);
  header.slots = std::min(load_le<std::uint32_t>(bytes, 24), layout::kMaxSlots);
  header.flags = load_le<std::uint32_t>(bytes, 28);
  header.settings_version = load_le<std::uint64_t>(bytes, 32);
  header.database_stamp = load_le<std::uint64_t>(bytes, layout::kDatabaseStampAt);
  header.wall_offset_ms = load_le<std::int64_t>(bytes, layout::kWallOffsetAt);
  header.lease_epoch = load_le<std::uint64_t>(bytes, layout::kLeaseEpochAt);
  return header;
}

bool lock_until(std::unique_lock<std::timed_mutex>& lock, Clk::time_point deadline) {
#ifdef __SANITIZE_THREAD__
  // The sanitizer does not know pthread_mutex_clocklock, which the steady clock would use.
  return lock.try_lock_until(std::chrono::system_clock::now() + (deadline - Clk::now()));
#else
  return lock.try_lock_until(deadline);
#endif
}

}  // namespace

namespace layout {
std::string_view purpose_name(Purpose purpose) {
  switch (purpose) {
    case Purpose::kNone:
      return "nothing";
    case Purpose::kOpen:
      return "opening";
    case Purpose::kClose:
      return "closing";
    case Purpose::kSend:
      return "sending";
    case Purpose::kReceive:
      return "receiving";
    case Purpose::kAcknowledge:
      return "acknowledging";
    case Purpose::kLook:
      return "looking";
    case Purpose::kFix:
      return "fixing";
    case Purpose::kMaintain:
      return "maintaining";
    case Purpose::kRecover:
      return "recovering";
    case Purpose::kRebuild:
      return "rebuilding the index";
  }
  return "something unknown";
}
}  // namespace layout

WriterLock::WriterLock(std::unique_ptr<File> file, const Clock& clock, std::string subject,
                       std::chrono::milliseconds longest_wait, RequestBoard& board)
    : file_(std::move(file)),
      clock_(clock),
      subject_(std::move(subject)),
      pid_(static_cast<std::uint32_t>(getpid())),
      longest_wait_(longest_wait),
      board_(board) {}

WriterLock::Hold::Hold(WriterLock& lock, std::unique_lock<std::timed_mutex> in_process)
    : lock_(&lock), in_process_(std::move(in_process)) {}

WriterLock::Hold::Hold(Hold&& other) noexcept
    : lock_(std::exchange(other.lock_, nullptr)),
      in_process_(std::move(other.in_process_)),
      header_(other.header_) {}

WriterLock::Hold::~Hold() {
  if (lock_ == nullptr) return;
  release_lock(*lock_->file_, layout::kByteIndexWriter);
  lock_->board_.wake();
}

void WriterLock::Hold::write_header(const layout::LockHeader& header) {
  std::byte bytes[40] = {};
  std::memcpy(bytes, kMagic, 8);
  store_le(bytes, 8, header.generation);
  store_le(bytes, 16, header.transaction);
  store_le(bytes, 24, header.slots);
  store_le(bytes, 28, header.flags);
  store_le(bytes, 32, header.settings_version);
  lock_->file_->write_at(bytes, 0);
  if (header.database_stamp != header_.database_stamp) {
    std::byte stamp[8];
    store_le(stamp, 0, header.database_stamp);
    lock_->file_->write_at(stamp, layout::kDatabaseStampAt);
  }
  if (header.wall_offset_ms != header_.wall_offset_ms) {
    std::byte offset[8];
    store_le(offset, 0, header.wall_offset_ms);
    lock_->file_->write_at(offset, layout::kWallOffsetAt);
  }
  header_ = header;
}

std::uint64_t WriterLock::raise_lease_epoch() {
  const std::uint64_t epoch = peek().lease_epoch + 1;
  std::byte bytes[8];
  store_le(bytes, 0, epoch);
  file_->write_at(bytes, layout::kLeaseEpochAt);
  return epoch;
}

WriterLock::Hold WriterLock::take(layout::Purpose purpose) {
  if (std::optional<Hold> hold = try_take(purpose, longest_wait_)) return std::move(*hold);
  throw Error(ErrorCode::kTryAgain, "lock the index", subject_, holder_text());
}

std::optional<WriterLock::Hold> WriterLock::take_or_post(layout::Purpose purpose,
                                                         RequestBoard::Post& post) {
  std::optional<Hold> hold = take_within(purpose, longest_wait_, &post);
  if (post.end()) return std::nullopt;
  if (hold) return hold;
  const Error late(ErrorCode::kTryAgain, "lock the index", subject_, holder_text());
  // An acknowledgement that may still be committed was not refused.
  const bool may_come = post.is_unknown() && post.request().acknowledges();
  throw may_come ? late.of_unknown_outcome() : late;
}

std::optional<WriterLock::Hold> WriterLock::try_take(layout::Purpose purpose,
                                                     std::chrono::milliseconds wait) {
  return take_within(purpose, wait, nullptr);
}

std::optional<WriterLock::Hold> WriterLock::take_within(layout::Purpose purpose,
                                                        std::chrono::milliseconds wait,
                                                        RequestBoard::Post* post) {
  const Clk::time_point deadline = Clk::now() + wait;
  std::unique_lock<std::timed_mutex> in_process(in_process_, std::defer_lock);
  if (wait.count() == 0 ? !in_process.try_lock() : !lock_until(in_process, deadline)) {
    return std::nullopt;
  }
  if (!file_) {
    throw Error(ErrorCode::kUsage, "use", subject_, "the handle was opened before a fork");
  }
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clk::now());
  if (!lock_file(std::max(left, std::chrono::milliseconds{0}), post)) {
    if (post != nullptr) post->end();  // before another thread of this handle may ask
    return std::nullopt;
  }
  Hold hold(*this, std::move(in_process));
  write_holder(purpose);
  hold.header_ = peek();
  return hold;
}

// Somebody may take it again and again, and leave it for moments only: so it is tried often. But
// each try walks the kernel's list of all locks on the file, and a crowd that tries so often leaves
// its holder no time, who asks for other handles' locks: 1,000 of them try 32,000 times a second at
// most.
std::chrono::microseconds WriterLock::longest_pause() {
  constexpr std::uint32_t kCrowd = 64;
  constexpr std::chrono::microseconds kLongest{50'000};
  return std::clamp(kUsualPause * (peek().slots / kCrowd), kUsualPause, kLongest);
}

// False: not in time, or there is an answer.
bool WriterLock::lock_file(std::chrono::milliseconds wait, RequestBoard::Post* post) {
  const Clk::time_point deadline = Clk::now() + wait;
  std::chrono::microseconds pause{20};
  while (!file_->try_lock(layout::kByteIndexWriter, 1, LockKind::kExclusive)) {
    if (Clk::now() >= deadline) return false;
    if (post == nullptr) {
      std::this_thread::sleep_for(pause);
    } else if (post->wait(pause)) {
      return false;
    }
    pause *= 2;
    if (pause > kUsualPause) pause = std::min(pause, longest_pause());
  }
  return true;
}

void WriterLock::write_holder(layout::Purpose purpose) {
  std::byte bytes[24];
  store_le(bytes, 0, pid_);
  store_le(bytes, 4, static_cast<std::uint32_t>(purpose));
  store_le(bytes, 8, clock_.boot_ms());
  store_le(bytes, 16, incarnation_);
  file_->write_at(bytes, 40);
}

layout::LockHeader WriterLock::peek() {
  if (!file_) {
    throw Error(ErrorCode::kUsage, "use", subject_, "the handle was opened before a fork");
  }
  std::byte bytes[layout::kLeaseEpochAt + 8] = {};
  if (file_->read_at(bytes, 0) < 40) return {};
  return decode(bytes);
}

std::string WriterLock::holder_text() {
  std::byte bytes[layout::kLockHeaderBytes] = {};
  file_->read_at(bytes, 0);
  const auto pid = load_le<std::uint32_t>(bytes, 40);
  const auto purpose = static_cast<layout::Purpose>(load_le<std::uint32_t>(bytes, 44));
  // Unsigned: what stands there may be anything.
  const auto since_ms = load_le<std::uint64_t>(bytes, 48);
  const auto held_ms =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(clock_.boot_ms()) - since_ms);
  return "held by process " + std::to_string(pid) + " (" +
         std::string(layout::purpose_name(purpose)) + ") for " + std::to_string(held_ms) + " ms";
}

bool WriterLock::try_byte(std::uint64_t byte) {
  return file_ && file_->try_lock(byte, 1, LockKind::kExclusive);
}

void WriterLock::release_byte(std::uint64_t byte) {
  if (file_) release_lock(*file_, byte);
}

void WriterLock::abandon_after_fork() {
  // The parent's lock lives in this open file description: close our copy, run no destructor.
  if (File* file = file_.release(); file != nullptr && file->descriptor() >= 0) {
    ::close(file->descriptor());
  }
}

}  // namespace spoolmq

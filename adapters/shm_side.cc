#include "adapters/shm_side.h"

#include <utility>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kLookEveryMs = 250;
constexpr std::int64_t kLongestLockedOutMs = 3000;

}  // namespace

ShmSide::ShmSide(const ShmSettings& settings, ShmSegment::Side side, const Clock& clock)
    : segment_(settings.opening(), side),
      ring_(segment_),
      sync_(open_shm_sync(segment_.bytes(), settings.sync)),
      clock_(clock),
      own_(side == ShmSegment::Side::kConsumer ? ShmSync::Event::kNews : ShmSync::Event::kRoom) {}

void ShmSide::start() {
  thread_ = std::thread([this] { run(); });
}

void ShmSide::stop() {
  stop_.request_stop();
  sync_->announce(own_);
  if (thread_.joinable()) thread_.join();
}

void ShmSide::run() {
  try {
    while (!stop_.stop_requested()) round();
    last_round();
  } catch (const std::exception&) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    has_ended_ = true;
    bell_.ring();
  }
}

void ShmSide::note_locked_out() {
  const std::int64_t now_ms = clock_.boot_ms();
  if (!locked_out_since_ms_) locked_out_since_ms_ = now_ms;
  if (now_ms - *locked_out_since_ms_ < kLongestLockedOutMs) return;
  locked_out_since_ms_ = now_ms;
  const std::lock_guard lock(mutex_);
  failure_ = std::make_exception_ptr(
      Error(ErrorCode::kTryAgain, "lock", segment_.text(),
            sync_->holder() + " has had the lock for seconds; it may be stopped"));
  bell_.ring();
}

ShmRing::Counts ShmSide::checked(const std::optional<ShmRing::Counts>& counts) const {
  segment_.check_whole();
  if (counts) return *counts;
  throw Error(ErrorCode::kUnavailable, "use", segment_.text(),
              "its counters cannot be: somebody wrote over them");
}

void ShmSide::check_removed() {
  const std::int64_t now_ms = clock_.boot_ms();
  if (now_ms < look_boot_ms_) return;
  look_boot_ms_ = now_ms + kLookEveryMs;
  if (!segment_.was_removed()) return;
  throw Error(ErrorCode::kNotFound, "use", segment_.text(), "the segment was removed while in use");
}

// One that ended the thread is thrown again and again: nothing more comes of this side.
void ShmSide::rethrow() {
  if (failure_ == nullptr) return;
  const std::exception_ptr met = failure_;
  if (!has_ended_) failure_ = nullptr;
  std::rethrow_exception(met);
}

}  // namespace spoolmq::adapters

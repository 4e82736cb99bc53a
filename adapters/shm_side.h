#pragma once
// What reading and writing a segment have in common: a thread of its own that waits for the other
// side, so that a turn never does, and whose every wait has a bound: a peer that was stopped while
// it held the lock delays this bridge only, and is told by name once it has had the lock for
// seconds.

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "adapters/bell.h"
#include "adapters/shm_ring.h"
#include "adapters/shm_segment.h"
#include "adapters/shm_settings.h"
#include "adapters/shm_sync.h"
#include "core/clock.h"

namespace spoolmq::adapters {

class ShmSide {
 public:
  ShmSide(const ShmSide&) = delete;
  ShmSide& operator=(const ShmSide&) = delete;
  virtual ~ShmSide() = default;  // a side calls stop() in its own

  // Readable: there is something to ask for, or to throw.
  [[nodiscard]] int descriptor() const { return bell_.descriptor(); }

 protected:
  ShmSide(const ShmSettings& settings, ShmSegment::Side side, const Clock& clock);

  void start();
  void stop();
  // In the thread: one piece of work, or one wait. What it throws ends the thread, and is told.
  virtual void round() = 0;
  virtual void last_round() {}  // after them, if none threw

  // False: not within a moment. After some seconds of that the holder is told, and it goes on.
  template <typename Act>
  bool with_lock(const Act& act) {
    if (!sync_->lock(kLockMoment)) {
      note_locked_out();
      return false;
    }
    locked_out_since_ms_.reset();
    act();
    sync_->unlock();
    return true;
  }
  // Throws Error where they cannot be.
  ShmRing::Counts checked(const std::optional<ShmRing::Counts>& counts) const;
  // Throws Error(kNotFound); looks every some hundred milliseconds.
  void check_removed();
  // What the thread met, once. With `mutex_` held.
  void rethrow();
  [[nodiscard]] std::stop_token stop_token() const { return stop_.get_token(); }

  static constexpr std::chrono::milliseconds kLockMoment{100};
  static constexpr std::chrono::milliseconds kWait{250};

  ShmSegment segment_;
  const ShmRing ring_;
  const std::unique_ptr<ShmSync> sync_;
  const Clock& clock_;
  Bell bell_;
  std::mutex mutex_;  // guards failure_, and what a side has between its threads
  std::condition_variable_any changed_;

 private:
  void run();
  void note_locked_out();

  const ShmSync::Event own_;  // what this side waits for
  std::exception_ptr failure_;
  bool has_ended_ = false;
  std::optional<std::int64_t> locked_out_since_ms_;  // of the thread, as is the next
  std::int64_t look_boot_ms_ = 0;
  std::stop_source stop_;
  std::thread thread_;
};

}  // namespace spoolmq::adapters

#include "store/worker.h"

#include <sched.h>

#include "core/futex.h"

namespace spoolmq {
namespace {

// Waking a thread takes longer than most of what it is to do, and the next job is not far: that of
// a disk's sync.
constexpr std::int64_t kLongestSpinNs = 150'000;

}  // namespace

bool Worker::start(const std::function<void()>& job) {
  std::uint32_t idle = kIdle;
  if (!state_.compare_exchange_strong(idle, kTaken)) return false;
  if (!thread_.joinable()) {
    try {
      thread_ = std::thread([this] { run(); });
    } catch (...) {
      state_ = kIdle;
      state_.notify_all();
      return false;
    }
  }
  job_ = &job;
  state_ = kGiven;
  state_.notify_all();
  return true;
}

void Worker::wait() {
  for (std::uint32_t now = state_; now != kDone; now = state_) {
    if (now == kStopped) return;  // in a forked child
    rest(now);
  }
  state_ = kIdle;
  state_.notify_all();  // who stops it may wait for that
}

void Worker::run() {
  while (true) {
    const std::uint32_t now = state_;
    if (now == kStopped) return;
    if (now == kGiven) {
      (*job_)();
      state_ = kDone;
      state_.notify_all();
    } else {
      rest(now);
    }
  }
}

void Worker::rest(std::uint32_t state) {
  const std::int64_t end_ns = monotonic_ns() + kLongestSpinNs;
  while (monotonic_ns() < end_ns) {
    if (state_ != state) return;
    pause_spinning();
    ::sched_yield();  // somebody may need this very processor
  }
  state_.wait(state);
}

void Worker::stop() {
  for (std::uint32_t now = kIdle; !state_.compare_exchange_strong(now, kStopped); now = kIdle) {
    if (now == kStopped) return;
    state_.wait(now);
  }
  state_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Worker::abandon_after_fork() {
  state_ = kStopped;
  if (thread_.joinable()) thread_.detach();
}

}  // namespace spoolmq

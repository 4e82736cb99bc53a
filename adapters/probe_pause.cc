#include "adapters/probe_pause.h"

#include <algorithm>

namespace spoolmq::adapters {

std::optional<Pass> ProbeSchedule::try_enter(Time now) {
  if (!retry_at_) return Pass::kNormal;
  if (probing_ || now < *retry_at_) return std::nullopt;
  probing_ = true;
  return Pass::kProbe;
}

std::optional<ProbeSchedule::Time> ProbeSchedule::next_try() const {
  return probing_ ? std::nullopt : retry_at_;
}

void ProbeSchedule::leave(Pass pass, Met met, Time now) {
  const bool probe = pass == Pass::kProbe;
  if (probe) probing_ = false;
  if (met == Met::kUnavailable && (probe || !retry_at_)) {
    backoff_ = backoff_.count() == 0 ? kFirst : std::min(backoff_ * 2, kLongest);
    retry_at_ = now + backoff_;
  } else if (met == Met::kAnswer && probe) {
    // An answer to a message taken before the pause says nothing about now.
    retry_at_.reset();
    backoff_ = std::chrono::milliseconds{0};
  }
}

std::optional<Pass> ProbePause::enter() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (const auto pass = schedule_.try_enter(std::chrono::steady_clock::now())) return pass;
    if (const auto time = schedule_.next_try()) {
      changed_.wait_until(lock, *time);
    } else {
      changed_.wait(lock);
    }
  }
  return std::nullopt;
}

void ProbePause::leave(Pass pass, Met met) {
  const std::lock_guard lock(mutex_);
  schedule_.leave(pass, met, std::chrono::steady_clock::now());
  changed_.notify_all();
}

bool ProbePause::is_open() {
  const std::lock_guard lock(mutex_);
  return schedule_.is_open();
}

bool ProbePause::sleep(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return stopped_; });
}

void ProbePause::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

}  // namespace spoolmq::adapters

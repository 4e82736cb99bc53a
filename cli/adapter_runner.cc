#include "cli/adapter_runner.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "core/id_source.h"
#include "core/log.h"
#include "core/units.h"

namespace spoolmq::cli {
namespace {

constexpr std::int64_t kFirstBackoffMs = 1'000;
constexpr std::int64_t kLongestMissingMs = 5'000;  // looking for it costs next to nothing
constexpr std::int64_t kLongestBackoffMs = 60'000;
constexpr std::uint64_t kJitterPercent = 20;
constexpr std::int64_t kLongestWaitMs = 3'600'000;

}  // namespace

bool may_pass(ErrorCode code) {
  switch (code) {
    case ErrorCode::kTryAgain:
    case ErrorCode::kUnavailable:
    case ErrorCode::kPermission:
    case ErrorCode::kNotFound:
    case ErrorCode::kIo:
    case ErrorCode::kOsResource:
      return true;
    default:
      return false;
  }
}

std::string_view adapter_state_name(AdapterState state) {
  switch (state) {
    case AdapterState::kRunning:
      return "running";
    case AdapterState::kPaused:
      return "paused";
    case AdapterState::kStopped:
      break;
  }
  return "stopped";
}

AdapterRunner::AdapterRunner(AdapterConfig config, Surroundings surroundings)
    : surroundings_(std::move(surroundings)),
      config_(std::make_shared<AdapterConfig>(std::move(config))),
      since_wall_ms_(surroundings_.clock->wall_ms()) {}

// ---- The adapter's thread

std::int64_t AdapterRunner::step() {
  Next next;
  {
    std::unique_lock lock(mutex_);
    next = choose(lock);
    if (next == Next::kRest) return due_boot_ms_;
  }
  if (next == Next::kEnd) return kNever;
  try {
    if (!adapter_) make();
    succeeded(adapter_->turn());
  } catch (const Error& error) {
    // What was full or locked is met again by the same adapter; what was missing or broken may
    // come back as another directory or queue, which only a new one opens.
    failed(failure_of(error.code()), error.code() == ErrorCode::kTryAgain, error.what());
  } catch (const std::bad_alloc&) {
    failed(Failure::kMayPass, false, "run: memory: exhausted");
  } catch (const std::exception& error) {
    failed(Failure::kFinal, false, std::string("run: unexpected failure: ") + error.what());
  }
  const std::lock_guard lock(mutex_);
  return is_asked() ? 0 : due_boot_ms_;
}

AdapterRunner::Failure AdapterRunner::failure_of(ErrorCode code) {
  if (code == ErrorCode::kNotFound) return Failure::kMissing;
  return may_pass(code) ? Failure::kMayPass : Failure::kFinal;
}

AdapterRunner::Next AdapterRunner::choose(std::unique_lock<std::mutex>& lock) {
  if (ended_) return Next::kEnd;
  const std::uint64_t asked = asked_;
  const bool news = is_asked();
  const bool retry = std::exchange(retry_, false);
  if (std::exchange(remake_, false)) {
    drop(lock);
    backoff_ms_ = 0;
    due_boot_ms_ = 0;
    if (!held_ && state_ != AdapterState::kRunning) enter(AdapterState::kRunning, "");
  }
  if (ending_) {
    drop(lock);
    ended_ = ending_;  // unless it was changed while its predecessor ended
    obeyed_ = asked;
    return ended_ ? Next::kEnd : choose(lock);
  }
  if (held_) {
    drop(lock);
    if (news && held_) enter(AdapterState::kPaused, "by an operator");
    due_boot_ms_ = kNever;
    obeyed_ = asked;
    return Next::kRest;
  }
  obeyed_ = asked;
  if (retry) due_boot_ms_ = 0;
  if (state_ == AdapterState::kStopped) {
    due_boot_ms_ = kNever;
    return Next::kRest;
  }
  // Nothing wakes it from a failure before its time: a busy directory would make it a busy loop.
  const bool woken = woken_ && !outage_;
  if (!woken && surroundings_.clock->boot_ms() < due_boot_ms_) return Next::kRest;
  woken_ = false;
  return Next::kTurn;
}

void AdapterRunner::make() {
  std::shared_ptr<const AdapterConfig> config;
  {
    const std::lock_guard lock(mutex_);
    config = config_;
  }
  adapters::AdapterPlace place;
  place.root = surroundings_.root;
  place.clock = surroundings_.clock;
  place.counters = &counters_;
  place.name = config->name;
  place.wake = [this] { wake(); };
  place.on_refused = [name = config->name](const std::string& subject, const std::string& why) {
    log::warn("put aside or left", {{"adapter", name}, {"what", subject}, {"why", why}});
  };
  std::shared_ptr<adapters::Adapter> made = surroundings_.make(*config, place);
  std::vector<watcher::WatchOptions> watches = made->watches();
  std::uint64_t session = 0;
  {
    const std::lock_guard lock(calls_mutex_);
    adapter_ = std::move(made);
    session = ++session_;
  }
  if (surroundings_.watch) surroundings_.watch(*this, session, std::move(watches));
}

// Its end may take long (it closes a queue): nobody who asks for the status waits for that.
void AdapterRunner::drop(std::unique_lock<std::mutex>& lock) {
  if (!adapter_) return;
  lock.unlock();
  {
    std::shared_ptr<adapters::Adapter> old;
    std::uint64_t session = 0;
    {
      const std::lock_guard calls(calls_mutex_);
      old = std::move(adapter_);
      adapter_ = nullptr;
      session = session_;
    }
    if (surroundings_.watch) surroundings_.watch(*this, session, {});
  }
  lock.lock();
}

void AdapterRunner::succeeded(const adapters::Adapter::Turn& turn) {
  const std::lock_guard lock(mutex_);
  due_boot_ms_ = turn.next_boot_ms;
  if (turn.undecided) return;
  backoff_ms_ = 0;
  if (std::exchange(outage_, false)) {
    log::info("adapter works again", {{"adapter", config_->name}});
  }
  if (state_ != AdapterState::kRunning) enter(AdapterState::kRunning, "");
}

void AdapterRunner::failed(Failure kind, bool keep, const std::string& why) {
  std::unique_lock lock(mutex_);
  // Somebody asked it to come to an end, and so it did.
  if (is_asked() && (ending_ || held_ || remake_)) return;
  const std::int64_t now_ms = surroundings_.clock->wall_ms();
  last_error_ = why;
  last_error_wall_ms_ = now_ms;
  if (kind == Failure::kFinal) {
    outage_ = false;
    due_boot_ms_ = kNever;
    enter(AdapterState::kStopped, why);
    log::error("adapter stopped", {{"adapter", config_->name}, {"why", why}});
  } else {
    const std::int64_t wait_ms =
        jittered_backoff(kind == Failure::kMissing ? kLongestMissingMs : kLongestBackoffMs);
    due_boot_ms_ = surroundings_.clock->boot_ms() + wait_ms;
    if (!std::exchange(outage_, true)) {
      log::warn("adapter paused, it will be tried again",
                {{"adapter", config_->name}, {"why", why}});
    }
    if (state_ != AdapterState::kPaused) {
      enter(AdapterState::kPaused, why);
    } else {
      why_ = why;
    }
    until_wall_ms_ = now_ms + wait_ms;
  }
  if (!keep) drop(lock);
}

std::int64_t AdapterRunner::jittered_backoff(std::int64_t longest_ms) {
  backoff_ms_ = std::clamp(backoff_ms_ * 2, kFirstBackoffMs, longest_ms);
  const auto percent =
      static_cast<std::int64_t>(100 - kJitterPercent + random_bits() % (2 * kJitterPercent + 1));
  return backoff_ms_ * percent / 100;
}

void AdapterRunner::enter(AdapterState state, std::string why) {
  state_ = state;
  why_ = std::move(why);
  until_wall_ms_.reset();
  since_wall_ms_ = surroundings_.clock->wall_ms();
}

void AdapterRunner::run() {
  while (true) {
    const std::int64_t due_boot_ms = step();
    std::unique_lock lock(mutex_);
    if (ended_) break;
    const std::int64_t left_ms =
        due_boot_ms == kNever
            ? kLongestWaitMs
            : std::min(due_boot_ms - surroundings_.clock->boot_ms(), kLongestWaitMs);
    if (left_ms <= 0) continue;
    changed_.wait_for(lock, std::chrono::milliseconds{left_ms}, [this] {
      return is_asked() || (woken_ && !outage_ && !held_ && state_ == AdapterState::kRunning);
    });
  }
  if (surroundings_.ended) surroundings_.ended();
}

}  // namespace spoolmq::cli

// What others ask of an AdapterRunner, from any thread.
#include <utility>

#include "cli/adapter_kinds.h"
#include "cli/adapter_runner.h"

namespace spoolmq::cli {

void AdapterRunner::request(const std::function<void()>& change) {
  bool interrupt = false;
  {
    const std::lock_guard lock(mutex_);
    change();
    ++asked_;
    interrupt = ending_ || held_ || remake_;
    changed_.notify_all();
  }
  const std::lock_guard calls(calls_mutex_);
  if (interrupt && adapter_) adapter_->interrupt();
}

void AdapterRunner::pause() {
  request([this] { held_ = true; });
}

void AdapterRunner::resume() {
  request([this] {
    retry_ = true;
    if (std::exchange(held_, false) || state_ == AdapterState::kStopped) remake_ = true;
  });
}

void AdapterRunner::restart() {
  request([this] {
    held_ = false;
    remake_ = true;
  });
}

bool AdapterRunner::change(AdapterConfig config) {
  bool taken = false;
  request([&] {
    if (ended_) return;
    config_ = std::make_shared<AdapterConfig>(std::move(config));
    ending_ = false;
    remake_ = true;
    taken = true;
  });
  return taken;
}

void AdapterRunner::end() {
  request([this] { ending_ = true; });
}

void AdapterRunner::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

void AdapterRunner::hint(std::uint64_t session, std::size_t watch, const watcher::Hint& hint) {
  const std::lock_guard calls(calls_mutex_);
  if (adapter_ && session == session_) adapter_->hint(watch, hint);
}

std::optional<std::vector<adapters::FileReason>> AdapterRunner::explain(
    const std::string& absolute_path) {
  std::shared_ptr<adapters::Adapter> adapter;  // it may take its time: no lock is held meanwhile
  {
    const std::lock_guard calls(calls_mutex_);
    adapter = adapter_;
  }
  if (!adapter) return std::nullopt;
  return adapter->explain(absolute_path);
}

AdapterStatus AdapterRunner::status() const {
  AdapterStatus status;
  {
    const std::lock_guard lock(mutex_);
    status.name = config_->name;
    status.type = config_->type;
    status.queue = queue_of(config_->settings);
    status.directory = directory_of(config_->settings);
    status.state = state_;
    status.until_wall_ms = until_wall_ms_;
    status.why = why_;
    status.since_wall_ms = since_wall_ms_;
    status.last_error = last_error_;
    status.last_error_wall_ms = last_error_wall_ms_;
  }
  status.moved = counters_.moved.load(std::memory_order_relaxed);
  status.bytes = counters_.bytes.load(std::memory_order_relaxed);
  status.refused = counters_.refused.load(std::memory_order_relaxed);
  status.waiting = counters_.waiting.load(std::memory_order_relaxed);
  status.last_success_wall_ms = counters_.last_success_wall_ms.load(std::memory_order_relaxed);
  return status;
}

std::string AdapterRunner::fingerprint() const {
  const std::lock_guard lock(mutex_);
  return config_->fingerprint;
}

bool AdapterRunner::is_ending() const {
  const std::lock_guard lock(mutex_);
  return ending_;
}

bool AdapterRunner::has_ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

bool AdapterRunner::is_quiet() const {
  const std::lock_guard lock(mutex_);
  return !is_asked();
}

}  // namespace spoolmq::cli

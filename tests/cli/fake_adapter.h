#pragma once
// An adapter whose turns a test writes, and the surroundings to run it in.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cli/adapter_runner.h"
#include "cli/supervisor.h"

namespace spoolmq::cli {

class TurnedClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override { return 1'800'000'000'000 + boot_; }
  [[nodiscard]] std::int64_t boot_ms() const override { return boot_; }
  [[nodiscard]] std::string boot_id() const override { return std::string(36, 'b'); }
  void advance(std::int64_t ms) { boot_ += ms; }

 private:
  std::atomic<std::int64_t> boot_{1'000'000};
};

// What happened to the adapters of one test, from any thread.
class Events {
 public:
  void add(const std::string& event) {
    const std::lock_guard lock(mutex_);
    ++counts_[event];
    changed_.notify_all();
  }
  int count(const std::string& event) {
    const std::lock_guard lock(mutex_);
    return counts_[event];
  }
  // False: not so often within 20 s.
  bool reaches(const std::string& event, int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{20},
                             [&] { return counts_[event] >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> counts_;
};

class FakeAdapter final : public adapters::Adapter {
 public:
  struct Script {
    Events* events = nullptr;
    std::function<Turn(FakeAdapter&)> turn;
    std::vector<watcher::WatchOptions> watches;
    std::function<void()> at_end = {};  // in its destructor
  };
  FakeAdapter(std::string name, adapters::AdapterPlace given, Script script)
      : place(std::move(given)), name_(std::move(name)), script_(std::move(script)) {
    script_.events->add(name_ + " made");
  }
  ~FakeAdapter() override {
    if (script_.at_end) script_.at_end();
    script_.events->add(name_ + " gone");
  }
  Turn turn() override {
    script_.events->add(name_ + " turn");
    return script_.turn(*this);
  }
  [[nodiscard]] std::vector<watcher::WatchOptions> watches() const override {
    return script_.watches;
  }
  void hint(std::size_t watch, const watcher::Hint& hint) override {
    script_.events->add(name_ + " hint " + std::to_string(watch) + " " + hint.name);
    place.wake();
  }
  void interrupt() override {
    script_.events->add(name_ + " interrupted");
    interrupted = true;
  }

  adapters::AdapterPlace place;
  std::atomic<bool> interrupted{false};

 private:
  const std::string name_;
  Script script_;
};

inline AdapterConfig config_of(const std::string& name, const std::string& fingerprint = "1") {
  adapters::ImportSettings settings;
  settings.queue = "q";
  settings.directory = "/in/" + name;
  AdapterConfig config;
  config.name = name;
  config.type = "import";
  config.settings = settings;
  config.fingerprint = fingerprint;
  return config;
}

}  // namespace spoolmq::cli

#pragma once
// A bridge on the twin's queue, made by its keys as the service makes it, and stepped in a thread
// of its own.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/bridge_kinds.h"
#include "spoolmq/error.h"
#include "tests/adapters/directory_world.h"
#include "tests/support/until.h"

namespace spoolmq::adapters::test {

using spoolmq::test::until;

inline std::shared_ptr<const BridgePlan> plan_of(
    std::string_view type, const std::vector<std::pair<std::string, std::string>>& keys) {
  std::vector<KeyValue> given;
  for (const auto& [key, value] : keys) given.push_back({key, value, key + " = " + value});
  for (const BridgeKind& kind : bridge_kinds()) {
    if (kind.type == type) return kind.parse("q", given);
  }
  throw Error(ErrorCode::kInternal, "find", type, "no such bridge");
}

// Why the keys are refused; empty: they are not.
inline std::string refusal_of(std::string_view type,
                              const std::vector<std::pair<std::string, std::string>>& keys) {
  try {
    static_cast<void>(plan_of(type, keys));
    return {};
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.subject() + ": " + error.why();
  }
}

class BridgeRig {
 public:
  BridgeRig(DirectoryWorld& world, std::string_view type,
            const std::vector<std::pair<std::string, std::string>>& keys)
      : world_(world),
        root_(Root::open(world.dir("root"), world.shared_clock())),
        plan_(plan_of(type, keys)) {
    make();
  }
  ~BridgeRig() { stop(); }
  BridgeRig(const BridgeRig&) = delete;
  BridgeRig& operator=(const BridgeRig&) = delete;

  void make() {
    AdapterPlace given;
    given.root = &root_;
    given.clock = &world_.clock();
    given.counters = &counters;
    given.name = "bridge";
    given.on_refused = [this](const std::string&, const std::string& why) {
      const std::lock_guard lock(mutex_);
      refused_.push_back(why);
    };
    adapter = plan_->make(std::move(given));
  }
  // Turns until it throws or is stopped. What may pass and keeps the adapter is tried again.
  void start() {
    turning_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        try {
          adapter->turn();
        } catch (const Error& error) {
          const std::lock_guard lock(mutex_);
          error_ = error;
          if (error.code() != ErrorCode::kTryAgain) return;
        }
      }
    });
  }
  void stop() {
    turning_.request_stop();
    if (adapter) adapter->interrupt();
    if (turning_.joinable()) turning_.join();
  }
  // As the service ends it.
  void end() {
    stop();
    adapter.reset();
  }
  // What it threw last, within 20 s.
  Error error() {
    EXPECT_TRUE(until([this] {
      const std::lock_guard lock(mutex_);
      return error_.has_value();
    }));
    const std::lock_guard lock(mutex_);
    return std::exchange(error_, std::nullopt)
        .value_or(Error(ErrorCode::kInternal, "turn", "adapter", "it threw nothing"));
  }
  std::vector<std::string> refused() {
    const std::lock_guard lock(mutex_);
    return refused_;
  }

  AdapterCounters counters;
  std::unique_ptr<Adapter> adapter;

 private:
  DirectoryWorld& world_;
  Root root_;
  const std::shared_ptr<const BridgePlan> plan_;
  std::mutex mutex_;  // guards the next two
  std::optional<Error> error_;
  std::vector<std::string> refused_;
  std::jthread turning_;
};

}  // namespace spoolmq::adapters::test

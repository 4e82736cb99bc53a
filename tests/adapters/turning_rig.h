#pragma once
// An adapter between the twin's queue q and a real place, turned in a thread of its own.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/adapter.h"
#include "spoolmq/error.h"
#include "tests/adapters/directory_world.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/until.h"

namespace spoolmq::adapters::test {

using spoolmq::test::until;

class TurningRig {
 public:
  ~TurningRig() { stop(); }

  // Made is an adapter of (queue, settings, place).
  template <typename Made, typename Settings>
  void start(const Settings& settings, bool once = false) {
    root_.emplace(Root::open(world.dir("root"), world.shared_clock()));
    place_.root = &*root_;
    place_.clock = &world.clock();
    place_.counters = &counters;
    place_.name = "bridge";
    place_.once = once;
    place_.on_refused = [this](const std::string&, const std::string& why) {
      const std::lock_guard lock(mutex_);
      refusals_.push_back(why);
    };
    static_cast<void>(world.queue());
    turning_ = std::jthread([this, settings](const std::stop_token& stop) {
      try {
        auto made = std::make_unique<Made>("q", settings, place_);
        const Known known(*this, *made);
        while (!stop.stop_requested() && !is_over_) {
          is_over_ = made->turn().over;
          ++turns_;
        }
      } catch (const Error& error) {
        const std::lock_guard lock(mutex_);
        error_ = error;
      }
    });
  }
  void stop() {
    turning_.request_stop();
    interrupt();
    if (turning_.joinable()) turning_.join();
  }
  // It has made a whole turn since: whoever comes now comes after it.
  bool is_under_way() {
    const int enough = turns_ + 2;  // the first may have been on its way already
    return until([&] {
      interrupt();
      return turns_ >= enough;
    });
  }
  // With `once`: it comes to its end by itself.
  bool ends() {
    return until([this] { return is_over_.load(); });
  }
  // What it threw, within 20 s.
  Error error() {
    EXPECT_TRUE(until([this] {
      const std::lock_guard lock(mutex_);
      return error_.has_value();
    }));
    turning_.join();
    return error_.value_or(Error(ErrorCode::kInternal, "turn", "adapter", "it threw nothing"));
  }
  std::vector<std::string> refusals() {
    const std::lock_guard lock(mutex_);
    return refusals_;
  }
  // The bodies of all that are ready, in order, once there are as many.
  std::vector<std::string> bodies(std::size_t count) {
    const auto ready = [this] { return world.queue().stats().of(State::kReady).messages; };
    EXPECT_TRUE(until([&] { return ready() >= static_cast<std::int64_t>(count); }));
    std::vector<std::string> all;
    for (const MessageStatus& one : world.queue().next_ready(1000)) {
      all.push_back(world.queue().load(one.id)->body);
    }
    return all;
  }
  MessageId send(const std::string& body) {
    Message message;
    message.body = body;
    return world.queue().send(std::move(message));
  }
  std::int64_t count(State state) { return world.queue().stats().of(state).messages; }

  DirectoryWorld world;
  const spoolmq::test::TemporaryDirectory there;
  AdapterCounters counters;

 private:
  // For as long as it stands the adapter may be interrupted; declared behind it, so that it goes
  // first, however the thread leaves.
  class Known {
   public:
    Known(TurningRig& rig, Adapter& adapter) : rig_(rig) { tell(&adapter); }
    Known(const Known&) = delete;
    Known& operator=(const Known&) = delete;
    ~Known() { tell(nullptr); }

   private:
    void tell(Adapter* adapter) {
      const std::lock_guard lock(rig_.mutex_);
      rig_.adapter_ = adapter;
    }
    TurningRig& rig_;
  };

  void interrupt() {
    const std::lock_guard lock(mutex_);
    if (adapter_ != nullptr) adapter_->interrupt();
  }

  std::optional<Root> root_;
  AdapterPlace place_;
  std::atomic<bool> is_over_{false};
  std::atomic<int> turns_{0};
  std::mutex mutex_;  // guards all below
  Adapter* adapter_ = nullptr;
  std::optional<Error> error_;
  std::vector<std::string> refusals_;
  std::jthread turning_;
};

}  // namespace spoolmq::adapters::test

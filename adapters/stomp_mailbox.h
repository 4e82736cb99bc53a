#pragma once
// What the threads that work on queues have to tell the one that serves the sockets. Thread-safe.

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/bell.h"
#include "adapters/stomp_backend.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// The end of something that a ticket was given for.
struct StompOutcome {
  StompTicket ticket;
  std::optional<std::string> failure;
  // Of sends and acknowledgements that went well, for counters and logs.
  MessageId id = {};
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

// What a desk gave.
struct StompTaken {
  struct One {
    Message message;   // without its body
    std::string body;  // a large one in memory too
    Receipt receipt;
    std::int64_t deliveries = 0;
    std::optional<Delivery> lease;  // none: a dead letter, which is only looked at
  };
  std::string desk;
  std::vector<One> messages;
};

class StompMailbox {
 public:
  void put(std::vector<StompOutcome> outcomes) {
    if (outcomes.empty()) return;
    const std::lock_guard lock(mutex_);
    for (StompOutcome& one : outcomes) outcomes_.push_back(std::move(one));
    ring();
  }
  void put(StompTaken taken) {
    const std::lock_guard lock(mutex_);
    taken_.push_back(std::move(taken));
    ring();
  }

  // What the calling thread puts in rings for nobody: it empties the mailbox itself, right after
  // end_quiet().
  void begin_quiet() {
    const std::lock_guard lock(mutex_);
    quiet_ = std::this_thread::get_id();
  }
  void end_quiet() {
    const std::lock_guard lock(mutex_);
    quiet_ = {};
  }

  struct Contents {
    std::vector<StompOutcome> outcomes;
    std::vector<StompTaken> taken;
  };
  Contents empty() {
    const std::lock_guard lock(mutex_);
    bell_.silence();
    return {std::exchange(outcomes_, {}), std::exchange(taken_, {})};
  }
  // Readable while something is there that was not put in quietly.
  [[nodiscard]] int descriptor() const { return bell_.descriptor(); }

 private:
  void ring() const {
    if (std::this_thread::get_id() != quiet_) bell_.ring();
  }

  std::mutex mutex_;  // guards all below
  Bell bell_;
  std::thread::id quiet_;
  std::vector<StompOutcome> outcomes_;
  std::vector<StompTaken> taken_;
};

}  // namespace spoolmq::adapters

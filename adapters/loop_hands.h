#pragma once
// Two threads that take turns at a loop, so that work which may take a sync is begun by whoever was
// woken for it, with no thread to be woken in between. One watches: it waits for descriptors, and
// runs a round. A round may leave it a piece of work; from then on the other one watches, and the
// first one, once it is done, runs a round for what came of it.
// Threads: note_due() with the lock held; the destructor without.

#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "adapters/bell.h"
#include "core/clock.h"

namespace spoolmq::adapters {

class LoopHands {
 public:
  struct Round {
    std::int64_t next_boot_ms = INT64_MAX;  // there has to be a round again by then
    std::function<void()> work = {};        // to be done without the lock; throws nothing
    bool over = false;                      // no more rounds: both end
  };
  // `round` is called with `lock` held, when one of the descriptors is readable or a round is due,
  // and throws nothing. Of two at a time at most one may leave work. The references outlive it.
  LoopHands(std::mutex& lock, const Clock& clock, std::vector<int> readable,
            std::function<Round()> round);
  // Work that was begun is done.
  ~LoopHands();
  LoopHands(const LoopHands&) = delete;
  LoopHands& operator=(const LoopHands&) = delete;

  // Somebody else's round: whoever watches wakes in time for the next.
  void note_due(std::int64_t boot_ms);

 private:
  static constexpr std::size_t kHands = 2;

  void run(const std::stop_token& stop);
  Round watch(const std::stop_token& stop);
  void wait();

  std::mutex& lock_;
  const Clock& clock_;
  const std::vector<int> readable_;
  const std::function<Round()> round_;
  Bell bell_;
  std::mutex watching_;           // held by whoever watches
  std::int64_t due_boot_ms_ = 0;  // the next round; guarded by lock_
  std::vector<std::jthread> threads_;
};

}  // namespace spoolmq::adapters

#pragma once
// How long one handle's syncs took: gathered here, told to all with its next change of the index.
//   time() around each sync → read() → the transaction that adds it commits → forget().
// A sync that fails is not counted. Thread-safe.

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "core/clock.h"

namespace spoolmq {

class SyncMeter {
 public:
  struct Reading {
    std::int64_t syncs = 0;
    std::int64_t total_us = 0;
    std::int64_t longest_us = 0;
  };

  explicit SyncMeter(const Clock& clock) : clock_(clock) {}

  template <typename Sync>
  void time(const Sync& sync) {
    const std::int64_t begin_us = clock_.boot_us();
    sync();
    const std::int64_t took_us = clock_.boot_us() - begin_us;
    const std::lock_guard guard(mutex_);
    ++gathered_.syncs;
    gathered_.total_us += took_us;
    gathered_.longest_us = std::max(gathered_.longest_us, took_us);
  }

  [[nodiscard]] Reading read() const {
    const std::lock_guard guard(mutex_);
    return gathered_;
  }

  // `told` was read before; what came since stays.
  void forget(const Reading& told) {
    const std::lock_guard guard(mutex_);
    gathered_.syncs -= told.syncs;
    gathered_.total_us -= told.total_us;
    if (gathered_.syncs == 0) gathered_.longest_us = 0;
  }

 private:
  const Clock& clock_;
  mutable std::mutex mutex_;  // guards gathered_
  Reading gathered_;
};

}  // namespace spoolmq

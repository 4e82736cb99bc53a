#pragma once
// Makes the ids of one handle: monotonic, also when the clock steps back. Thread-safe.

#include <cstdint>
#include <mutex>
#include <span>

#include "core/clock.h"
#include "spoolmq/id.h"

namespace spoolmq {

class IdSource {
 public:
  // Every id ends in `shard` and is greater than `newest` (nil: no bound).
  IdSource(const Clock& clock, std::uint8_t shard, const MessageId& newest = {});

  MessageId next();
  // Ids made from now on are greater than `seen`.
  void never_below(const MessageId& seen);

 private:
  const Clock& clock_;
  const std::uint8_t shard_;
  std::mutex mutex_;  // guards what follows
  std::int64_t last_ms_ = 0;
  std::uint64_t low_ = 0;  // 64 counting bits between the time and the shard
};

// 64 bits from getrandom(2).
std::uint64_t random_bits();
// As many as there is room for, by as few calls of it as it allows.
void fill_with_random_bits(std::span<std::uint64_t> into);

}  // namespace spoolmq

#pragma once
// The writer's side of a hot ring: puts one durable message after another into it, lock-free.
//   bytes into the arena → a ticket → the slot is claimed (compare-and-swap) → its words →
//   committed (exchange). A writer that is killed or stopped anywhere in between keeps nobody
//   waiting: others
// leave out a slot whose owner lives, and take one whose owner is dead. No clock decides that.
// One object per thread at a time; any number of them may write to one ring.

#include <cstdint>
#include <functional>
#include <span>

#include "store/hot_cache.h"
#include "store/index.h"

namespace spoolmq {

class HotCacheWriter {
 public:
  // `owner`: the handle's slot, held locked for as long as this object writes. `is_alive` tells
  // whether another slot's lock is held; asked only where a slot was found half written.
  HotCacheWriter(std::uint32_t owner, std::function<bool(std::uint32_t slot)> is_alive)
      : owner_(owner), is_alive_(std::move(is_alive)) {}

  struct Message {
    MessageId id;
    Location at;
    std::uint32_t marks = 0;            // hot_cache::Marks
    std::span<const std::byte> record;  // as it would stand at `at` of a binary spool file
  };
  // On return every reader that keeps up can see it, or is told of a break. Wakes nobody.
  void publish(HotRing& ring, const Message& message);

 private:
  bool claim(HotRing& ring, std::uint64_t ticket);

  std::uint32_t owner_;
  std::function<bool(std::uint32_t)> is_alive_;
};

}  // namespace spoolmq

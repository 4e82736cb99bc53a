#pragma once
// Wakes whoever waits for a queue, in every process: a shared futex in a 4 KiB file under /dev/shm
// (shared_memory.h). Waking is an accelerator, never the truth: where the file cannot be had the
// bell is private to the process, and sleepers find what they missed by looking again.
//
// One word: a sequence in the upper 31 bits, and bit 0, "somebody is about to sleep".
//   sleeper: s = prepare() → looks for work → wait(s): sets bit 0 if the sequence is still s,
//   sleeps ringer : next sequence with bit 0 cleared, by one compare-and-swap; if bit 0 was set,
//   wakes all
// Because flag and sequence change together, a ringer sees the flag or the sleeper sees the new
// sequence. A flag, not a count: a sleeper killed in its sleep costs at most one wasted wake, and a
// ring with nobody asleep makes no system call.
//
// A sender that has written and is about to sync announces it: one sleeper wakes while the disk
// works, and gets ready for what will be durable when the ring comes (queue_receive.cc).
// Thread-safe.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "store/shared_memory.h"

namespace spoolmq {

class Doorbell {
 public:
  // For the queue that `memory` belongs to; not shared: for this process alone.
  Doorbell(SharedMemory memory, bool shared);

  void ring();
  // A hint: that handle's segment is written up to `written_end`, and will be durable up to there
  // soon.
  struct Announcement {
    std::uint32_t slot = 0;
    std::uint64_t written_end = 0;
  };
  [[nodiscard]] bool has_sleeper() const;
  // No system call where nobody sleeps.
  void announce(const Announcement& soon);
  // What was announced last, by whichever sender, in the last moments, unless there was a ring
  // after `prepared`. No more than a place to look.
  std::optional<Announcement> announced(std::uint32_t prepared);
  std::uint32_t prepare();
  // Returns at the next ring after `prepared`, at once if there was one, or after `longest`.
  void wait(std::uint32_t prepared, std::chrono::milliseconds longest);
  // What the page has besides, for the queue's request_board.h; empty where it is not shared.
  [[nodiscard]] std::span<std::byte> spare_bytes() const;
  // Whether other processes hear it.
  [[nodiscard]] bool is_shared() const { return mapping_.is_mapped(); }
  // Removes the file when the queue is removed.
  static void remove(SharedMemory memory);

 private:
  // Beside the word, in a cache line of their own; written one by one.
  struct Announced {
    std::int64_t at_ns = 0;   // CLOCK_MONOTONIC
    std::uint64_t place = 0;  // slot in the upper 24 bits, written_end in the lower 40
  };

  SharedMapping mapping_;
  std::uint32_t private_word_ = 0;
  Announced private_announced_;
  std::uint32_t* word_ = &private_word_;
  Announced* announced_ = &private_announced_;
};

}  // namespace spoolmq

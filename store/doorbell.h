#pragma once
// Wakes whoever waits for a queue, in every process: a shared futex in a 4 KiB file under /dev/shm
// (shared_memory.h). Waking is an accelerator, never the truth: where the file cannot be had the
// bell is private to the process, and sleepers find what they missed by looking again.
//
// Two words, each a sequence in the upper 31 bits, and bit 0, "somebody is about to sleep":
//   sleeper: s = prepare() → looks for work → wait(s): sets bit 0 if the sequence is still s,
//   sleeps ringer : next sequence, by compare-and-swap; wakes if bit 0 was set
// Because flag and sequence change together, a ringer sees the flag or the sleeper sees the new
// sequence. A flag, not a count: a sleeper killed in its sleep costs at most one wasted wake, and a
// ring with nobody asleep makes no system call.
//
// On one sleep *takers*, each of whom takes whatever message is next: of a thousand idle ones as
// many wake as there are messages, in the order in which they fell asleep. Their flag stays until
// a ring finds fewer of them asleep than messages. On the other sleep all others (blocked senders,
// tails, receivers who wait for one sender's messages): every ring wakes all of them.
// A taker whose time is over looks if a message came for which nobody was woken (`missed`), and
// sleeps on if not. One that is stopped or killed as it wakes leaves its message to whoever looks
// next: whoever watches does within 250 ms (queue_receive.cc).
//
// A sender that has written and is about to sync announces it: one taker wakes while the disk
// works, and gets ready for what will be durable when the ring comes.
// Thread-safe.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "store/shared_memory.h"

namespace spoolmq {

class Doorbell {
 public:
  // For the queue that `memory` belongs to; not shared: for this process alone.
  Doorbell(SharedMemory memory, bool shared);

  void ring();  // anything may have changed
  // So many messages came, or are ready again; no more takers need wake.
  void ring_for(std::size_t messages);
  void wake_takers(std::size_t wanted);  // only them
  void ring_others();                    // nothing came that could be taken
  // A hint: that handle's segment is written up to `written_end`, and will be durable up to there
  // soon.
  struct Announcement {
    std::uint32_t slot = 0;
    std::uint64_t written_end = 0;
  };
  [[nodiscard]] bool has_taker() const;  // that sleeps
  // No system call where none does.
  void announce(const Announcement& soon);

  struct Turn {  // of a taker
    std::uint32_t sequence = 0;
    std::uint32_t missed = 0;
  };
  Turn prepare_to_take();
  // Returns at a ring after `turn`, or after `longest`. False: nothing came but time, and `turn` is
  // up to date.
  bool wait_to_take(Turn& turn, std::chrono::milliseconds longest);
  // What was announced last, by whichever sender, in the last moments, unless there was a ring
  // since. No more than a place to look.
  std::optional<Announcement> announced();

  std::uint32_t prepare();
  // Returns at the next ring after `prepared`, at once if there was one, or after `longest`.
  void wait(std::uint32_t prepared, std::chrono::milliseconds longest);
  // When somebody last looked at the handles of this queue, in ms since the boot: whoever watches
  // does every 250 ms, and the others need not.
  void tell_probe(std::int64_t boot_ms);
  [[nodiscard]] bool was_probed_within(std::int64_t ms, std::int64_t boot_ms) const;
  // What the page has besides, for the queue's request_board.h; empty where it is not shared.
  [[nodiscard]] std::span<std::byte> spare_bytes() const;
  // Whether other processes hear it.
  [[nodiscard]] bool is_shared() const { return mapping_.is_mapped(); }
  // Removes the file when the queue is removed.
  static void remove(SharedMemory memory);

 private:
  // In a cache line of their own; each changes by itself.
  struct Words {
    std::uint32_t takers = 0;
    std::uint32_t missed = 0;
    std::uint32_t others = 0;
    std::uint32_t unused = 0;
    std::int64_t probed_boot_ms = 0;
  };
  // In the next one.
  struct Announced {
    std::int64_t at_ns = 0;      // CLOCK_MONOTONIC
    std::uint64_t place = 0;     // slot in the upper 24 bits, written_end in the lower 40
    std::uint32_t sequence = 0;  // of the takers' word
  };
  void wake_all_takers();

  SharedMapping mapping_;
  Words private_words_;
  Announced private_announced_;
  Words* words_ = &private_words_;
  Announced* announced_ = &private_announced_;
};

}  // namespace spoolmq

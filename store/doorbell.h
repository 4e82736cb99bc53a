#pragma once
// Wakes whoever waits for a queue, in every process: a shared futex in a 4 KiB file under /dev/shm,
// found by the queue directory's device and inode. Waking is an accelerator, never the truth: where
// /dev/shm is missing, foreign or full, the bell is private to the process and sleepers find what
// they missed by looking again, which they do at least every 250 ms anyway.
//
// One word: a sequence in the upper 31 bits, and bit 0, "somebody is about to sleep".
//   sleeper: s = prepare() → looks for work → wait(s): sets bit 0 if the sequence is still s,
//   sleeps ringer : next sequence with bit 0 cleared, by one compare-and-swap; if bit 0 was set,
//   wakes all
// Because flag and sequence change together, a ringer sees the flag or the sleeper sees the new
// sequence. A flag, not a count: a sleeper killed in its sleep costs at most one wasted wake, and a
// ring with nobody asleep makes no system call. Thread-safe.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "core/file_system.h"

namespace spoolmq {

class Doorbell {
 public:
  // For the queue whose directory has this status; `mode` are its files' permission bits.
  Doorbell(const FileStatus& queue_directory, std::uint32_t mode, bool shared);
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  void ring();
  std::uint32_t prepare();
  // Returns at the next ring after `prepared`, at once if there was one, or after `longest`.
  void wait(std::uint32_t prepared, std::chrono::milliseconds longest);
  // Removes the file when the queue is removed.
  static void remove(const FileStatus& queue_directory);

 private:
  void map_shared(const FileStatus& queue_directory, std::uint32_t mode);

  std::uint32_t private_word_ = 0;
  std::uint32_t* word_ = &private_word_;
  bool shared_ = false;
};

}  // namespace spoolmq

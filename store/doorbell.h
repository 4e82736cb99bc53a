#pragma once
// Wakes whoever waits for a queue, in every process: a shared futex in a 4 KiB file under /dev/shm,
// found by the queue directory's device and inode. Waking is an accelerator, never the truth: where
// /dev/shm is missing, foreign or full, the bell is private to the process and sleepers find what
// they missed by looking again, which they do at least every 250 ms anyway.
//
//   word 0: sequence, grows with each ring      word 1: armed, 1 while somebody may be asleep
//
//   sleeper: s = prepare() (arms) → looks for work → wait(s)
//   ringer : sequence += 1 (release) → if armed was set (exchange 0): futex wake of all
// A flag, not a count: a sleeper killed in its sleep costs at most one wasted wake. The sleeper's
// store of `armed` and the ringer's of `sequence` are sequentially consistent, so either the ringer
// sees the flag or the sleeper sees the new sequence. Thread-safe.

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
  [[nodiscard]] bool is_shared() const { return shared_; }
  // Removes the file when the queue is removed.
  static void remove(const FileStatus& queue_directory);

 private:
  void map_shared(const FileStatus& queue_directory, std::uint32_t mode);

  std::uint32_t private_words_[2] = {0, 0};
  std::uint32_t* words_ = private_words_;
  bool shared_ = false;
};

}  // namespace spoolmq

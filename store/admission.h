#pragma once
// Keeps room for those who take messages away when the disk is full: sends are refused (kTryAgain)
// while less than a reserve is free, and a ballast file under ROOT/run gives its room back when an
// acknowledgement meets a full disk. Whoever sends lays it down: others than we fill disks, too.
// Thread-safe.

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/clock.h"
#include "core/file_system.h"

namespace spoolmq {

class Admission {
 public:
  static constexpr std::uint64_t kReserveBytes = 2 << 20;
  static constexpr std::uint64_t kReserveInodes = 16;
  // The ballast is a sixteenth of what is free, between these; none where that is less.
  static constexpr std::uint64_t kBallastBytes = 4 << 20;
  static constexpr std::uint64_t kLeastBallastBytes = 512 << 10;

  Admission(std::shared_ptr<Dir> root, const Clock& clock);
  // Throws Error(kTryAgain) unless `bytes` more fit beside the reserve. The file system is asked
  // at most every 100 ms, or when as much as was free then has been promised since.
  void check(std::uint64_t bytes);
  // Whether as much is free as sends leave to others.
  [[nodiscard]] bool has_room() const;
  // True if there was ballast to give.
  bool release_ballast();
  void keep_ballast();

 private:
  std::shared_ptr<Dir> root_;
  const Clock& clock_;
  std::atomic<std::int64_t> asked_boot_ms_{-1'000'000};
  std::atomic<std::int64_t> free_bytes_{0};
  std::atomic<bool> looked_for_ballast_{false};
};

}  // namespace spoolmq

#pragma once
// Mapped memory of a file that others may shorten: touching what is gone raises SIGBUS, which would
// end the process. Within a guard's range the page is replaced by an empty one of our own instead,
// and the guard says so: what was read is worthless then, and what was written went nowhere.
// Outside of all ranges SIGBUS does what it did before. Thread-safe; a process has at most
// kMostGuards.

#include <cstddef>
#include <span>

namespace spoolmq::adapters {

class BusGuard {
 public:
  static constexpr std::size_t kMostGuards = 256;

  // Whole pages. Throws Error(kOsResource) where there are too many.
  explicit BusGuard(std::span<std::byte> pages);
  ~BusGuard();  // before they are unmapped
  BusGuard(const BusGuard&) = delete;
  BusGuard& operator=(const BusGuard&) = delete;

  [[nodiscard]] bool is_broken() const;

 private:
  std::size_t place_;
};

}  // namespace spoolmq::adapters

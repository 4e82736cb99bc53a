#pragma once
// Time, passed in so that tests can turn it. Thread-safe.

#include <cstdint>
#include <string>

namespace spoolmq {

class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since the epoch; may jump either way (CLOCK_REALTIME).
  [[nodiscard]] virtual std::int64_t wall_ms() const = 0;
  // Milliseconds since boot, sleep included; never goes back (CLOCK_BOOTTIME).
  [[nodiscard]] virtual std::int64_t boot_ms() const = 0;
  // The same in microseconds, for measuring; as fine as the clock is.
  [[nodiscard]] virtual std::int64_t boot_us() const { return boot_ms() * 1000; }
  // Names this boot of this kernel: /proc/sys/kernel/random/boot_id, 36 characters.
  [[nodiscard]] virtual std::string boot_id() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override;
  [[nodiscard]] std::int64_t boot_ms() const override;
  [[nodiscard]] std::int64_t boot_us() const override;
  [[nodiscard]] std::string boot_id() const override;
};

}  // namespace spoolmq

#pragma once
// When a program that ended is started again: 1 s later, doubling to 60 s for as long as it does no
// good in between. Pure.

#include <algorithm>
#include <cstdint>

namespace spoolmq::adapters {

class RestartPause {
 public:
  void ended(std::int64_t now_boot_ms) {
    pause_ms_ = std::clamp(pause_ms_ * 2, kFirstMs, kLongestMs);
    until_boot_ms_ = now_boot_ms + pause_ms_;
  }
  void did_good() { pause_ms_ = 0; }
  void shorten(std::int64_t by_ms) { until_boot_ms_ -= by_ms; }
  [[nodiscard]] std::int64_t until_boot_ms() const { return until_boot_ms_; }

  static constexpr std::int64_t kFirstMs = 1'000;
  static constexpr std::int64_t kLongestMs = 60'000;

 private:
  std::int64_t pause_ms_ = 0;
  std::int64_t until_boot_ms_ = 0;
};

}  // namespace spoolmq::adapters

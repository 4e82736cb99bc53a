#pragma once
// Waiting for what another thread or process does: for a condition, with a deadline.

#include <chrono>
#include <functional>
#include <thread>

namespace spoolmq::test {

// False: the condition does not hold within 20 s.
inline bool until(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

}  // namespace spoolmq::test

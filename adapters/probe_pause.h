#pragma once
// When the destination behind a command is down, nobody takes messages for a while, then one worker
// takes one message as a probe: 1 s, doubling to 60 s. The first probe that meets a destination
// that answers ends the pause.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>

namespace spoolmq::adapters {

enum class Pass : std::uint8_t { kNormal, kProbe };
enum class Met : std::uint8_t { kNoMessage, kAnswer, kUnavailable };  // with the message of a Pass

// The rules, without clock or threads.
class ProbeSchedule {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds kFirst{1'000};
  static constexpr std::chrono::milliseconds kLongest{60'000};

  [[nodiscard]] bool is_open() const { return !retry_at_; }
  std::optional<Pass> try_enter(Time now);  // nullopt: not now
  // When try_enter may succeed: nullopt: only after somebody's leave().
  [[nodiscard]] std::optional<Time> next_try() const;
  void leave(Pass pass, Met met, Time now);

 private:
  std::optional<Time> retry_at_;  // none: open
  std::chrono::milliseconds backoff_{0};
  bool probing_ = false;
};

// Thread-safe.
class ProbePause {
 public:
  std::optional<Pass> enter();  // waits; nullopt: stopped
  void leave(Pass pass, Met met);
  bool is_open();
  // False: stopped meanwhile.
  bool sleep(std::chrono::milliseconds time);
  void stop();

 private:
  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  ProbeSchedule schedule_;
  bool stopped_ = false;
};

}  // namespace spoolmq::adapters

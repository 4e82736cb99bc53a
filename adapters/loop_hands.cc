#include "adapters/loop_hands.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kLongestWaitMs = 1'000;

}  // namespace

LoopHands::LoopHands(std::mutex& lock, const Clock& clock, std::vector<int> readable,
                     std::function<Round()> round)
    : lock_(lock), clock_(clock), readable_(std::move(readable)), round_(std::move(round)) {
  for (std::size_t i = 0; i < kHands; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
}

LoopHands::~LoopHands() {
  for (std::jthread& one : threads_) one.request_stop();
  bell_.ring();
  threads_.clear();
}

void LoopHands::note_due(std::int64_t boot_ms) {
  if (boot_ms >= due_boot_ms_) return;
  due_boot_ms_ = boot_ms;
  bell_.ring();
}

void LoopHands::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Round round = watch(stop);
    if (round.over) return;
    while (round.work) {
      std::exchange(round.work, nullptr)();
      const std::lock_guard lock(lock_);
      round = round_();
      note_due(round.next_boot_ms);
    }
  }
}

// Until there is work, or the end.
LoopHands::Round LoopHands::watch(const std::stop_token& stop) {
  const std::lock_guard watching(watching_);
  while (true) {
    wait();
    if (stop.stop_requested()) return {};  // the bell goes on ringing, for the other one
    bell_.silence();
    const std::lock_guard lock(lock_);
    Round round = round_();
    due_boot_ms_ = round.next_boot_ms;
    if (round.work || round.over) return round;
  }
}

void LoopHands::wait() {
  std::vector<pollfd> waited{{bell_.descriptor(), POLLIN, 0}};
  for (const int one : readable_) waited.push_back({one, POLLIN, 0});
  std::int64_t left_ms = 0;
  {
    const std::lock_guard lock(lock_);
    left_ms = std::clamp<std::int64_t>(due_boot_ms_ - clock_.boot_ms(), 0, kLongestWaitMs);
  }
  // Whatever it returns, a round finds out what there is.
  static_cast<void>(::poll(waited.data(), waited.size(), static_cast<int>(left_ms)));
}

}  // namespace spoolmq::adapters

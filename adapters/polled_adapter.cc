#include "adapters/polled_adapter.h"

#include <algorithm>
#include <cerrno>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kTurnMs = 1000;

}  // namespace

Adapter::Turn PolledAdapter::turn() {
  const std::int64_t until_boot_ms = clock_.boot_ms() + kTurnMs;
  rung_ = false;
  while (true) {
    const Step step = this->step();
    if (step.over) return {0, true, true, step.undecided};
    if (rung_ || clock_.boot_ms() >= until_boot_ms) return {0, false, false, step.undecided};
    wait(std::min(step.next_boot_ms, until_boot_ms));
  }
}

void PolledAdapter::wait(std::int64_t until_boot_ms) {
  waited_.clear();
  waited_.push_back({bell_.descriptor(), POLLIN, 0});
  gather(waited_);
  const std::int64_t left_ms =
      std::clamp<std::int64_t>(until_boot_ms - clock_.boot_ms(), 0, kTurnMs);
  const int ready = ::poll(waited_.data(), waited_.size(), static_cast<int>(left_ms));
  if (ready < 0 && errno != EINTR) throw Error::from_errno(errno, "wait", "poll");
  if (ready <= 0 || waited_.front().revents == 0) return;
  bell_.silence();
  rung_ = true;
}

}  // namespace spoolmq::adapters

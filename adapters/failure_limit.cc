#include "adapters/failure_limit.h"

#include <algorithm>

namespace spoolmq::adapters {

std::int64_t FailureLimit::left_ms(const std::string& who, std::int64_t now_boot_ms) const {
  const auto found = full_at_ms_.find(who);
  if (found == full_at_ms_.end()) return 0;
  const std::int64_t allowed_from_ms = found->second - (rules_.burst - 1) * rules_.refill_ms;
  return std::max<std::int64_t>(allowed_from_ms - now_boot_ms, 0);
}

void FailureLimit::note_failure(const std::string& who, std::int64_t now_boot_ms) {
  const auto found = full_at_ms_.find(who);
  if (found != full_at_ms_.end()) {
    found->second = std::max(found->second, now_boot_ms) + rules_.refill_ms;
    return;
  }
  if (full_at_ms_.size() >= rules_.most_entries) make_room(now_boot_ms);
  full_at_ms_.emplace(who, now_boot_ms + rules_.refill_ms);
}

void FailureLimit::make_room(std::int64_t now_boot_ms) {
  std::erase_if(full_at_ms_, [now_boot_ms](const auto& one) { return one.second <= now_boot_ms; });
  if (full_at_ms_.size() < rules_.most_entries) return;
  full_at_ms_.erase(
      std::ranges::min_element(full_at_ms_, {}, [](const auto& one) { return one.second; }));
}

}  // namespace spoolmq::adapters

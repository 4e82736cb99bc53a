#include "adapters/look_again.h"

namespace spoolmq::adapters {

void LookAgain::add(const std::string& path, std::int64_t when_boot_ms) {
  remove(path);
  times_.emplace(path, by_time_.emplace(when_boot_ms, path));
}

void LookAgain::remove(const std::string& path) {
  const auto found = times_.find(path);
  if (found == times_.end()) return;
  by_time_.erase(found->second);
  times_.erase(found);
}

void LookAgain::clear() {
  times_.clear();
  by_time_.clear();
}

std::vector<std::string> LookAgain::take_due(std::int64_t now_boot_ms, std::size_t most) {
  std::vector<std::string> due;
  while (due.size() < most && !by_time_.empty() && by_time_.begin()->first <= now_boot_ms) {
    due.push_back(by_time_.begin()->second);
    remove(due.back());
  }
  return due;
}

std::optional<std::int64_t> LookAgain::next() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first;
}

}  // namespace spoolmq::adapters

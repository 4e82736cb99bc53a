#pragma once
// Files to be looked at again, each at its own time. Looking once too often does no harm.
// Not thread-safe.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace spoolmq::adapters {

class LookAgain {
 public:
  // Replaces an earlier time of the same path.
  void add(const std::string& path, std::int64_t when_boot_ms);
  void remove(const std::string& path);
  void clear();
  // Those whose time has come, at most `most`; they are forgotten.
  std::vector<std::string> take_due(std::int64_t now_boot_ms, std::size_t most);
  [[nodiscard]] std::optional<std::int64_t> next() const;  // boot milliseconds
  [[nodiscard]] bool contains(const std::string& path) const { return times_.contains(path); }
  [[nodiscard]] std::size_t size() const { return times_.size(); }

 private:
  std::multimap<std::int64_t, std::string> by_time_;
  std::unordered_map<std::string, std::multimap<std::int64_t, std::string>::iterator> times_;
};

}  // namespace spoolmq::adapters

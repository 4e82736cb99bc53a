#include "adapters/kernel_limit.h"

#include <algorithm>
#include <fstream>

namespace spoolmq::adapters {

std::optional<std::uint64_t> kernel_limit(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

std::string explain_limit(std::string_view sysctl_name) {
  std::string path(sysctl_name);
  std::ranges::replace(path, '.', '/');
  const auto value = kernel_limit("/proc/sys/" + path);
  std::string text(sysctl_name);
  text.append(" is ").append(value ? std::to_string(*value) : "unknown");
  return text.append(" (sysctl -w ").append(sysctl_name).append("=N raises it)");
}

}  // namespace spoolmq::adapters

#include "cli/pace.h"

#include <algorithm>

#include "core/units.h"

namespace spoolmq::cli {

std::optional<std::int64_t> parse_rate(std::string_view text) {
  constexpr std::string_view kPerSecond = "/s";
  if (!text.ends_with(kPerSecond)) return std::nullopt;
  text.remove_suffix(kPerSecond.size());
  const std::optional<std::int64_t> rate = parse_integer(text);
  if (!rate || *rate < 1 || *rate > kMostRate) return std::nullopt;
  return rate;
}

std::size_t slice_of(std::optional<std::int64_t> rate_per_s) {
  if (!rate_per_s) return kSlice;
  return std::clamp<std::size_t>(static_cast<std::size_t>(*rate_per_s) / 4, 1, kSlice);
}

std::chrono::microseconds due_after(std::int64_t rate_per_s, std::size_t done) {
  // Whole seconds apart, so that no product overflows.
  const auto count = static_cast<std::int64_t>(done);
  return std::chrono::seconds(count / rate_per_s) +
         std::chrono::microseconds((count % rate_per_s) * 1'000'000 / rate_per_s);
}

}  // namespace spoolmq::cli

#pragma once
// How fast a command may change messages: --rate N/s, kept over the whole of its work.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace spoolmq::cli {

inline constexpr std::size_t kSlice = 500;  // ids changed by one transaction at most
inline constexpr std::int64_t kMostRate = 1'000'000;

// "N/s", N from 1 to kMostRate; nullopt: anything else.
std::optional<std::int64_t> parse_rate(std::string_view text);

// How many to change at once: at a rate about a quarter of a second's share, at least one.
std::size_t slice_of(std::optional<std::int64_t> rate_per_s);

// How long after the start the next slice is due, when `done` have been changed.
std::chrono::microseconds due_after(std::int64_t rate_per_s, std::size_t done);

}  // namespace spoolmq::cli

#pragma once
// Durations and sizes as people write them: "500ms" "30s" "10m" "2h" "7d", "64K" "10M" "2G"
// (powers of 1024), and plain numbers of bytes. A duration always has its unit, but for "0".

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spoolmq {

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
std::string format_duration(std::chrono::milliseconds duration);  // exact, shortest single unit

std::optional<std::int64_t> parse_size(std::string_view text);
std::string format_size(std::int64_t bytes);  // exact, shortest single unit

std::optional<std::int64_t> parse_integer(std::string_view text);

// "2026-11-21T10:15:00.123Z" of a wall-clock time in milliseconds since the epoch, and back.
std::string format_time(std::int64_t wall_ms);
std::optional<std::int64_t> parse_time(std::string_view text);

}  // namespace spoolmq

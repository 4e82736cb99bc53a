#pragma once
// The file `paused` of a queue: JSON, there while receiving or sending is paused (FORMAT.md 1).

#include <optional>
#include <string>
#include <string_view>

#include "spoolmq/queue.h"

namespace spoolmq {

inline constexpr std::size_t kLongestPauseFile = 16 << 10;

std::string format_pause(const Pause& pause, std::int64_t now_ms);
std::optional<Pause> parse_pause(std::string_view text);  // nullopt: not such a file
// What a file that is damaged is taken for: of everything, until somebody resumes. Whoever paused
// the queue had a reason.
Pause unreadable_pause();

}  // namespace spoolmq

#pragma once
// What `tail` was told: where it begins, how long it goes on, and what it looks like.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/command.h"

namespace spoolmq::cli {

struct TailPlan {
  enum class Begin : std::uint8_t { kLast, kAfter, kOldest, kNow };
  Begin begin = Begin::kLast;
  std::size_t count = 10;  // kLast
  std::string after;       // kAfter: an id, or the end of one
  bool follow = false;
  bool null = false;
  std::optional<Milliseconds> timeout;
};

// Throws Error(kUsage) for what contradicts itself or would never show anything.
TailPlan read_tail_plan(const Context& context, const Arguments& arguments);

}  // namespace spoolmq::cli

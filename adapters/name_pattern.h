#pragma once
// Patterns over the names of queues and topics. Words are what stands between '.' and '/', which
// match only themselves; '*' as a word is any one word, '#' as the last word any number of them,
// also none: "orders.#" is "orders", "orders.eu" and "orders.eu.north". "*" or "#" alone is every
// name. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace spoolmq::adapters {

inline constexpr std::size_t kMostPatternBytes = 128;

// Why it is none, for people; nullopt: it is one.
std::optional<std::string> refuse_name_pattern(std::string_view pattern);

// Of a pattern that is one. Takes time in proportion to the longer of both.
bool matches_name(std::string_view pattern, std::string_view name);

}  // namespace spoolmq::adapters

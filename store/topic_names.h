#pragma once
// Topics, and the patterns of bindings (spoolmq/topic.h). Pure.

#include <optional>
#include <string>
#include <string_view>

namespace spoolmq {

// Why it is refused; nullopt: it is a topic.
std::optional<std::string> refuse_topic(std::string_view topic);
// A pattern is a topic in which a whole word may be `*` or `#`.
std::optional<std::string> refuse_pattern(std::string_view pattern);

// Throw Error(kUsage).
void require_topic(std::string_view topic);
void require_pattern(std::string_view pattern);

}  // namespace spoolmq

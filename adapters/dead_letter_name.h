#pragma once
// The name under which a dead message's body appears: that of the file it came from, as its headers
// `name` and `record` tell. Always leaves room for kReasonSuffix. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "spoolmq/message.h"

namespace spoolmq::adapters {

inline constexpr std::string_view kReasonSuffix = ".reason";

// `name`, made safe; the id where there is none; of a split record stem.record-N.ext.
std::string dead_letter_name(const Message& message);
std::string numbered_letter_name(std::string_view name, std::uint64_t number);

}  // namespace spoolmq::adapters

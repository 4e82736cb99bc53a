#pragma once
// Options that make a message, shared by the commands that send one.

#include <cstdint>
#include <string_view>

#include "cli/command.h"
#include "spoolmq/message.h"

namespace spoolmq::cli {

// Of --header NAME=VALUE. Throws Error(kUsage) naming `command`.
Headers read_headers(const Arguments& arguments, std::string_view command);
std::uint16_t read_priority(const Arguments& arguments);  // of --priority
// Of --ttl. Throws Error(kUsage) for 0.
std::optional<Milliseconds> read_ttl(const Arguments& arguments, std::string_view command);

}  // namespace spoolmq::cli

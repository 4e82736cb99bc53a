#pragma once
// The environment of a command that is run for a message: SPOOLMQ_ID, SPOOLMQ_QUEUE,
// SPOOLMQ_DELIVERIES, SPOOLMQ_SENT_AT, SPOOLMQ_FROM, and SPOOLMQ_H_NAME per header, its name in
// upper case with _ for what is neither letter nor digit. Pure.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spoolmq/message.h"

namespace spoolmq::adapters {

// What the kernel's limits leave room for (execve(2): 128 KiB per string): longer values are left
// out, and headers behind the total.
inline constexpr std::size_t kMaxVariableBytes = 32 << 10;
inline constexpr std::size_t kMaxHeaderVariablesBytes = 256 << 10;

std::string header_variable(std::string_view header_name);

// `base` without its own such variables, then those of the message. Of headers that would share a
// variable the first counts; values containing NUL are left out.
std::vector<std::string> message_environment(std::span<const std::string> base,
                                             std::string_view queue, const Message& message,
                                             std::int64_t deliveries);

std::vector<std::string> own_environment();

}  // namespace spoolmq::adapters

#pragma once
// What a message is made of that came in as bytes: the key `format`. Pure.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "spoolmq/message.h"

namespace spoolmq::adapters {

enum class ReceivedFormat : std::uint8_t {
  kRaw,     // the bytes are the body
  kSyslog,  // syslog.h
};
// In the order of ReceivedFormat: the values of the key.
inline constexpr std::array<std::string_view, 2> kReceivedFormatWords{"raw", "syslog"};

// `source` becomes the header of that name.
Message received_message(ReceivedFormat format, std::string bytes, std::string source);

}  // namespace spoolmq::adapters

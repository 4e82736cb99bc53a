#include "cli/message_options.h"

#include "spoolmq/error.h"

namespace spoolmq::cli {

Headers read_headers(const Arguments& arguments, std::string_view command) {
  Headers headers;
  for (const std::string& text : arguments.values("--header")) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error(ErrorCode::kUsage, command, "-H " + text, "not NAME=VALUE");
    }
    headers.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return headers;
}

std::uint16_t read_priority(const Arguments& arguments) {
  return static_cast<std::uint16_t>(
      arguments.integer("--priority", 0, kMaxPriority).value_or(kDefaultPriority));
}

std::optional<Milliseconds> read_ttl(const Arguments& arguments, std::string_view command) {
  const std::optional<Milliseconds> ttl = arguments.duration("--ttl");
  if (ttl && ttl->count() == 0) {
    throw Error(ErrorCode::kUsage, command, "--ttl 0", "expires before it is sent");
  }
  return ttl;
}

}  // namespace spoolmq::cli

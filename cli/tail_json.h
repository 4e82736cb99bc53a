#pragma once
// A message of a tail as one line of JSON: `tail --json`, and adapters with framing "json".

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "spoolmq/tail.h"

namespace spoolmq::cli {

// The envelope; `body` or `body_base64`, unless there is none (a large one is left out, `size`
// tells its length); `source`: "hot-cache" or "disk"; `delayed`, `expired` and `rendezvous` only
// where they are so.
nlohmann::ordered_json tail_json(const TailMessage& message, std::optional<std::string_view> body);

}  // namespace spoolmq::cli

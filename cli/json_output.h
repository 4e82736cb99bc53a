#pragma once
// What --json prints: one object per line. Fields are only ever added; their order is part of what
// people see, not of the contract. Times are RFC 3339 text in UTC, lengths of time milliseconds,
// sizes bytes.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "spoolmq/message.h"
#include "spoolmq/queue.h"

namespace spoolmq::cli {

// What the index knows. `due` and `expires` are there where they are set, `lease` where one runs.
nlohmann::ordered_json status_json(const MessageStatus& status);

// Everything of a message but its body. Headers are an array of [name, value]: names may repeat.
// Times and keys that are not set are left out.
nlohmann::ordered_json envelope_json(const Message& message);

// The envelope and the body: `body` where it is valid UTF-8, else `body_base64`. A body kept in a
// file of its own is not in the message and not in the result; `size` tells its length.
nlohmann::ordered_json message_json(const Message& message);

// Adds `body` or `body_base64`.
void add_body(nlohmann::ordered_json& object, std::string_view body);

// The object as one line without its end, invalid UTF-8 replaced by U+FFFD.
std::string json_line(const nlohmann::ordered_json& object);

// That line on stdout. Throws Error as write_out does.
void print_line(const nlohmann::ordered_json& object);

}  // namespace spoolmq::cli

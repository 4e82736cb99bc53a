#include "cli/json_output.h"

#include <string>

#include "cli/output.h"
#include "core/text.h"
#include "core/units.h"

namespace spoolmq::cli {
namespace {

using nlohmann::ordered_json;

ordered_json sender_json(const Sender& from) {
  return {{"uid", from.uid}, {"pid", from.pid}, {"name", from.name}};
}

void add_time(ordered_json& object, const char* name, std::int64_t wall_ms) {
  if (wall_ms != 0) object[name] = format_time(wall_ms);
}

void add_text(ordered_json& object, const char* name, const std::string& text) {
  if (!text.empty()) object[name] = text;
}

}  // namespace

ordered_json status_json(const MessageStatus& status) {
  ordered_json object;
  object["id"] = status.id.text();
  object["state"] = state_name(status.state);
  object["behind_key"] = status.behind_key;
  object["sequence"] = status.sequence;
  object["priority"] = status.priority;
  object["sent"] = format_time(status.sent_at_ms);
  add_time(object, "due", status.due_ms);
  add_time(object, "expires", status.expires_at_ms);
  object["size"] = status.size;
  object["deliveries"] = status.counters.deliveries;
  object["failures"] = status.counters.failures;
  object["redrives"] = status.counters.redrives;
  object["reason"] = status.reason;
  object["from"] = sender_json(status.from);
  object["order_key"] = status.order_key;
  object["durability"] = status.os_durability ? "os" : "sync";
  if (status.state == State::kLeased) {
    object["lease"] = ordered_json{{"kind", status.bound ? "bound" : "timed"},
                                   {"pid", status.holder_pid},
                                   {"left_ms", status.lease_left_ms}};
  }
  object["file"] = status.file;
  object["offset"] = status.offset;
  object["length"] = status.length;
  return object;
}

ordered_json envelope_json(const Message& message) {
  ordered_json object;
  object["id"] = message.id.text();
  object["sent"] = format_time(message.sent_at_ms);
  object["priority"] = message.priority;
  add_time(object, "not_before", message.not_before_ms);
  add_time(object, "expires", message.expires_at_ms);
  ordered_json headers = ordered_json::array();
  for (const auto& [name, value] : message.headers) {
    headers.push_back(ordered_json::array({name, value}));
  }
  object["headers"] = std::move(headers);
  object["from"] = sender_json(message.from);
  add_text(object, "dedupe_key", message.dedupe_key);
  add_text(object, "order_key", message.order_key);
  add_text(object, "reply_to", message.reply_to);
  add_text(object, "correlation_id", message.correlation_id);
  object["size"] = message.body_size();
  return object;
}

ordered_json message_json(const Message& message) {
  ordered_json object = envelope_json(message);
  if (!message.large_body) add_body(object, message.body);
  return object;
}

void add_body(ordered_json& object, std::string_view body) {
  if (first_invalid_utf8(body)) {
    object["body_base64"] = base64_encode(body);
  } else {
    object["body"] = body;
  }
}

std::string json_line(const ordered_json& object) {
  return printable_json(object.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
}

void print_line(const ordered_json& object) {
  std::string line = json_line(object);
  line.push_back('\n');
  write_out(line);
}

}  // namespace spoolmq::cli

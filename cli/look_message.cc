// cat, info, why and trace: one message.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/json_output.h"
#include "cli/look_commands.h"
#include "cli/message_ids.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/why_file.h"
#include "core/clock.h"
#include "core/text.h"
#include "core/units.h"

namespace spoolmq::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kReadBytes = 64 << 10;

// Hands the body over piece by piece.
template <typename Take>
void read_body(Queue& queue, const Message& message, Take take) {
  if (!message.large_body) {
    take(std::string_view(message.body));
    return;
  }
  const std::unique_ptr<BodyReader> reader = queue.open_body(message);
  std::string piece(kReadBytes, '\0');
  while (const std::size_t got = reader->read(piece)) take(std::string_view(piece).substr(0, got));
}

// A value for people, in the order it is shown.
struct Fact {
  std::string name;
  std::string value;
};

class Facts {
 public:
  void add(std::string name, std::string value) {
    facts_.push_back({std::move(name), std::move(value)});
  }
  void add(std::string name, std::int64_t value) { add(std::move(name), std::to_string(value)); }
  void add_text(std::string name, const std::string& value) {
    if (!value.empty()) add(std::move(name), value);
  }
  void add_time(std::string name, std::int64_t wall_ms) {
    if (wall_ms != 0) add(std::move(name), format_time(wall_ms));
  }
  // "name:  value", the values in one column.
  [[nodiscard]] std::string text() const {
    std::size_t width = 0;
    for (const Fact& fact : facts_) width = std::max(width, code_points(printable(fact.name)));
    std::string text;
    for (const Fact& fact : facts_) {
      const std::string name = printable(fact.name);
      text.append(name).append(":").append(width - code_points(name) + 1, ' ');
      text.append(printable(fact.value)).append("\n");
    }
    return text;
  }

 private:
  std::vector<Fact> facts_;
};

void add_state(Facts& facts, const MessageStatus& status) {
  facts.add("state", std::string(state_name(status.state)) +
                         (status.behind_key ? ", behind an earlier one of its order key" : ""));
  facts.add_text("reason", status.reason);
  facts.add_time(status.state == State::kArchived ? "kept until" : "due", status.due_ms);
  if (status.state == State::kLeased) {
    facts.add("lease",
              std::string(status.bound ? "bound" : "timed") + ", pid " +
                  std::to_string(status.holder_pid) + ", " +
                  (status.lease_left_ms == 0 ? "over: the next receive has it"
                                             : rough_duration(status.lease_left_ms) + " left"));
  }
  facts.add("priority", status.priority);
  facts.add("deliveries", status.counters.deliveries);
  facts.add("failures", status.counters.failures);
  facts.add("redrives", status.counters.redrives);
}

void add_origin(Facts& facts, const MessageStatus& status) {
  const std::int64_t age_ms = SystemClock().wall_ms() - status.sent_at_ms;
  facts.add("sent", format_time(status.sent_at_ms) + " (" + rough_duration(age_ms) + " ago)");
  facts.add_time("expires", status.expires_at_ms);
  facts.add_text("from", status.from.name);
  facts.add("from uid", status.from.uid);
  facts.add("from pid", status.from.pid);
  facts.add_text("order key", status.order_key);
}

void add_place(Facts& facts, const MessageStatus& status, const Queue& queue) {
  facts.add("size", std::to_string(status.size) + " bytes");
  facts.add("durability", status.os_durability ? "os" : "sync");
  facts.add("sequence", status.sequence);
  facts.add("file", queue.path() + "/" + status.file);
  facts.add("record", "offset " + std::to_string(status.offset) + ", length " +
                          std::to_string(status.length));
}

void add_envelope(Facts& facts, const Message& message) {
  facts.add_time("not before", message.not_before_ms);
  facts.add_text("dedupe key", message.dedupe_key);
  facts.add_text("reply to", message.reply_to);
  facts.add_text("correlation id", message.correlation_id);
  if (message.large_body) facts.add("body", "in a file of its own");
  for (const auto& [name, value] : message.headers) facts.add("header " + name, value);
}

// One line of history for people: "name=value" of each field; as it is where it is not an object.
std::string history_text(const std::string& line) {
  const ordered_json object = ordered_json::parse(line, nullptr, false);
  if (!object.is_object()) return printable(line);
  std::string text;
  for (const auto& [name, value] : object.items()) {
    if (!text.empty()) text.append("  ");
    text.append(name).append("=");
    text.append(value.is_string() ? value.get<std::string>() : json_line(value));
  }
  return printable(text);
}

}  // namespace

int run_cat(Context& context, const Arguments& arguments) {
  Queue queue = context.queue(arguments.operands[0]);
  const MessageId id = find_id(queue, "cat", arguments.operands[1]);
  const std::optional<Message> message = queue.load(id);
  if (!message) throw Error(ErrorCode::kNotFound, "cat", id.text(), "no such message");
  if (!context.json) {
    read_body(queue, *message, [](std::string_view piece) { write_out(piece); });
    return kDone;
  }
  if (message->body_size() > kMaxInlineBodyBytes) {
    throw Error(ErrorCode::kUsage, "cat", id.text(),
                "a body of " + std::to_string(message->body_size()) +
                    " bytes does not fit one line of JSON");
  }
  std::string body;
  read_body(queue, *message, [&](std::string_view piece) { body.append(piece); });
  ordered_json object;
  object["id"] = id.text();
  add_body(object, body);
  print_line(object);
  return kDone;
}

int run_info(Context& context, const Arguments& arguments) {
  Queue queue = context.queue(arguments.operands[0]);
  const MessageStatus status = find_message(queue, "info", arguments.operands[1]);
  std::optional<Message> message;
  std::string damage;
  try {
    message = queue.load(status.id);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    damage = error.why();
  }
  if (context.json) {
    ordered_json object;
    object["queue"] = queue.name();
    object.update(status_json(status));
    if (message) object.update(envelope_json(*message));
    if (!damage.empty()) object["damage"] = damage;
    print_line(object);
    return kDone;
  }
  Facts facts;
  facts.add("id", status.id.text());
  facts.add("queue", queue.name());
  add_state(facts, status);
  add_origin(facts, status);
  add_place(facts, status, queue);
  facts.add_text("damage", damage);
  if (message) add_envelope(facts, *message);
  write_out(facts.text());
  return kDone;
}

int run_why(Context& context, const Arguments& arguments) {
  const bool one = arguments.operands.size() > 1;
  if (!one && means_file(context, arguments.operands[0])) {
    return run_why_file(context, arguments.operands[0]);
  }
  Queue queue = context.queue(arguments.operands[0]);
  const MessageId id = one ? find_message(queue, "why", arguments.operands[1]).id : MessageId();
  const std::vector<std::string> reasons = queue.why(id);
  for (const std::string& reason : reasons) {
    if (!context.json) {
      write_out(printable(reason) + "\n");
      continue;
    }
    ordered_json object;
    object["queue"] = queue.name();
    if (one) object["id"] = id.text();
    object["reason"] = reason;
    print_line(object);
  }
  if (reasons.empty() && !context.quiet) {
    say("why", one ? id.text() : queue.name(), "nothing keeps it: it moves");
  }
  return reasons.empty() ? kDone : kNothing;
}

int run_trace(Context& context, const Arguments& arguments) {
  Queue queue = context.queue(arguments.operands[0]);
  const std::vector<std::string> lines =
      queue.trace(find_id(queue, "trace", arguments.operands[1]));
  for (const std::string& line : lines) {
    write_out((context.json ? printable_json(line) : history_text(line)) + "\n");
  }
  return lines.empty() ? kNothing : kDone;
}

}  // namespace spoolmq::cli

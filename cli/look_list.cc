// list, peek and search: rows of many messages.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cli/json_output.h"
#include "cli/look_commands.h"
#include "cli/output.h"
#include "cli/selection.h"
#include "cli/table.h"
#include "cli/text_finder.h"
#include "core/clock.h"

namespace spoolmq::cli {
namespace {

constexpr std::int64_t kListDefault = 100;
constexpr std::int64_t kListMost = 1'000'000'000;
constexpr std::size_t kBlockRows = 1000;  // rows held in memory before they are printed
constexpr std::size_t kPeekBytes = 4096;  // of a body, looked at for its first line
constexpr std::size_t kPeekColumns = 60;
constexpr std::size_t kReadBytes = 64 << 10;

// Why a message is where it is, as far as one word tells.
std::string reason_cell(const MessageStatus& status) {
  if (status.behind_key) return "behind order key " + status.order_key;
  return status.reason;
}

// Prints statuses as they come: a table in blocks, or JSON line by line.
class StatusPrinter {
 public:
  explicit StatusPrinter(const Context& context)
      : json_(context.json),
        now_ms_(SystemClock().wall_ms()),
        table_({{"ID"},
                {"STATE"},
                {"PRI", Align::kRight},
                {"AGE", Align::kRight},
                {"SIZE", Align::kRight},
                {"DELIV", Align::kRight},
                {"FAIL", Align::kRight},
                {"FROM"},
                {"REASON"}}) {}

  void print(const MessageStatus& status) {
    ++printed_;
    if (json_) {
      print_line(status_json(status));
      return;
    }
    table_.add({status.id.text(), std::string(state_name(status.state)),
                std::to_string(status.priority), rough_duration(now_ms_ - status.sent_at_ms),
                rough_size(status.size), std::to_string(status.counters.deliveries),
                std::to_string(status.counters.failures), sender_text(status.from),
                reason_cell(status)});
    if (table_.rows() == kBlockRows) finish();
  }
  void finish() { write_out(table_.take()); }
  [[nodiscard]] std::int64_t printed() const { return printed_; }

 private:
  const bool json_;
  const std::int64_t now_ms_;
  Table table_;
  std::int64_t printed_ = 0;
};

// The beginning of a body, at most `limit` bytes of it.
std::string beginning_of_body(Queue& queue, const Message& message, std::size_t limit) {
  if (!message.large_body) return message.body.substr(0, limit);
  const std::unique_ptr<BodyReader> reader = queue.open_body(message);
  std::string begin(limit, '\0');
  std::size_t filled = 0;
  while (filled < limit) {
    const std::size_t got = reader->read(std::span(begin).subspan(filled));
    if (got == 0) break;
    filled += got;
  }
  begin.resize(filled);
  return begin;
}

std::string first_line(const std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

// nullopt: gone meanwhile, or damaged (said on stderr).
std::optional<Message> load_if_sound(Queue& queue, const MessageId& id,
                                     std::string_view operation) {
  try {
    return queue.load(id);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    say(operation, id.text(), error.why());
    return std::nullopt;
  }
}

// Throws Error(kBadData) where the body proves damaged before the text was found.
bool contains(Queue& queue, const Message& message, TextFinder& finder) {
  for (const auto& [name, value] : message.headers) {
    if (finder.in(value)) return true;
  }
  if (!message.large_body) return finder.in(message.body);
  finder.restart();
  const std::unique_ptr<BodyReader> reader = queue.open_body(message);
  std::string piece(kReadBytes, '\0');
  while (const std::size_t got = reader->read(piece)) {
    if (finder.feed(std::string_view(piece).substr(0, got))) return true;
  }
  return false;
}

}  // namespace

int run_list(Context& context, const Arguments& arguments) {
  const std::int64_t limit = arguments.integer("--limit", 1, kListMost).value_or(kListDefault);
  const Filter filter = filter_of(arguments);
  Queue queue = context.queue(arguments.operands.front());
  StatusPrinter printer(context);
  bool more = false;
  scan_matches(queue, filter, [&](const MessageStatus& status) {
    more = printer.printed() == limit;
    if (!more) printer.print(status);
    return !more;
  });
  printer.finish();
  flush_out();  // the words come last, also where both streams end in one place
  if (more && !context.quiet) {
    say("list", queue.name(),
        "there are more than " + std::to_string(limit) + " (--limit N shows more)");
  }
  return printer.printed() == 0 ? kNothing : kDone;
}

int run_peek(Context& context, const Arguments& arguments) {
  const auto count = static_cast<std::size_t>(arguments.integer("-n", 1, 1000).value_or(1));
  Queue queue = context.queue(arguments.operands.front());
  const std::int64_t now_ms = SystemClock().wall_ms();
  Table table({{"ID"},
               {"PRI", Align::kRight},
               {"AGE", Align::kRight},
               {"SIZE", Align::kRight},
               {"FROM"},
               {"BODY"}});
  bool any = false;
  for (const MessageStatus& status : queue.next_ready(count)) {
    const std::optional<Message> message = load_if_sound(queue, status.id, "peek");
    if (!message) continue;
    any = true;
    if (context.json) {
      nlohmann::ordered_json object = status_json(status);
      object.update(message_json(*message));
      print_line(object);
      continue;
    }
    const std::string begin = beginning_of_body(queue, *message, kPeekBytes);
    table.add({status.id.text(), std::to_string(status.priority),
               rough_duration(now_ms - status.sent_at_ms), rough_size(status.size),
               sender_text(status.from), shortened(first_line(begin), kPeekColumns)});
  }
  write_out(table.take());
  return any ? kDone : kNothing;
}

int run_search(Context& context, const Arguments& arguments) {
  const std::string& text = arguments.operands[1];
  if (text.empty()) throw Error(ErrorCode::kUsage, "search", "TEXT", "is empty");
  TextFinder finder(text);
  Queue queue = context.queue(arguments.operands.front());
  StatusPrinter printer(context);
  std::size_t damaged = 0;
  scan_matches(queue, {}, [&](const MessageStatus& status) {
    try {
      const std::optional<Message> message = queue.load(status.id);
      if (message && contains(queue, *message, finder)) printer.print(status);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kBadData) throw;
      ++damaged;
    }
    return true;
  });
  printer.finish();
  flush_out();
  if (damaged != 0) {
    say("search", queue.name(), std::to_string(damaged) + " damaged messages were not searched");
  }
  return printer.printed() == 0 ? kNothing : kDone;
}

}  // namespace spoolmq::cli

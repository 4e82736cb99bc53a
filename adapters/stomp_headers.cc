#include "adapters/stomp_headers.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <utility>

#include "core/text.h"
#include "core/units.h"

namespace spoolmq::adapters {
namespace {

using std::string_view_literals::operator""sv;

// Never part of a message: php-stomp, for one, sends back in its ACK whatever a MESSAGE had, so
// that a `receipt` or `transaction` of the sender would become the receiver's.
constexpr std::array kNotForwarded{
    "content-length"sv, "message-id"sv,  "subscription"sv, "ack"sv,
    "redelivered"sv,    "deliveries"sv,  "attempt"sv,      "receipt"sv,
    "receipt-id"sv,     "transaction"sv, "destination"sv,  "timestamp"sv};

constexpr std::string_view kDestination = "destination";  // of a message: as it was sent

using Parsed = std::optional<std::string>;  // why it is refused

Parsed read_key(std::string& to, const std::string& value) {
  to = value;
  return std::nullopt;
}

Parsed read_priority(StompSend& send, const std::string& value) {
  const std::optional<std::int64_t> number = parse_integer(value);
  if (!number || *number < 0 || *number > kMaxPriority) {
    return "it is from 0 to " + std::to_string(kMaxPriority);
  }
  send.message.priority = static_cast<std::uint16_t>(*number);
  return std::nullopt;
}

// A number of milliseconds, or a duration with its unit.
std::optional<std::int64_t> parse_span_ms(const std::string& value) {
  const std::optional<std::int64_t> number = parse_integer(value);
  if (number) return *number < 0 ? std::nullopt : number;
  const auto duration = parse_duration(value);
  return duration ? std::optional(duration->count()) : std::nullopt;
}

constexpr std::string_view kNotASpan = "it is a number of milliseconds, or such as 500ms 30s 10m";

std::int64_t later(std::int64_t wall_ms, std::int64_t span_ms) {
  constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::max();
  return span_ms > kEver - wall_ms ? kEver : wall_ms + span_ms;
}

Parsed read_ttl(StompSend& send, const std::string& value, std::int64_t wall_ms) {
  const std::optional<std::int64_t> span_ms = parse_span_ms(value);
  if (!span_ms) return std::string(kNotASpan);
  send.message.expires_at_ms = *span_ms == 0 ? 0 : later(wall_ms, *span_ms);
  return std::nullopt;
}

Parsed read_delay(StompSend& send, const std::string& value, std::int64_t wall_ms) {
  const std::optional<std::int64_t> span_ms = parse_span_ms(value);
  if (!span_ms) return std::string(kNotASpan);
  send.message.not_before_ms = *span_ms == 0 ? 0 : later(wall_ms, *span_ms);
  return std::nullopt;
}

Parsed read_expires(StompSend& send, const std::string& value) {
  const std::optional<std::int64_t> at_ms = parse_integer(value);
  if (!at_ms || *at_ms < 0) return "it is in milliseconds since the epoch, 0: never";
  send.message.expires_at_ms = *at_ms;
  return std::nullopt;
}

// Also a header of the message, so that receivers learn it.
Parsed read_persistent(StompSend& send, const std::string& value) {
  const std::string word = ascii_lower(value);
  if (word != "true" && word != "false") return "it is true or false";
  send.durability = word == "true" ? Durability::kSync : Durability::kOs;
  send.message.headers.emplace_back("persistent", word);
  return std::nullopt;
}

Parsed read_reply_to(StompSend& send, const std::string& value) {
  auto parsed = parse_stomp_destination(value);
  if (StompRefusal* const refusal = std::get_if<StompRefusal>(&parsed)) return refusal->why;
  auto& destination = std::get<StompDestination>(parsed);
  switch (destination.kind) {
    case StompDestination::Kind::kTempQueue:
      send.temp_reply_to = std::move(destination.name);
      return std::nullopt;
    case StompDestination::Kind::kQueue:
    case StompDestination::Kind::kReply:
      send.message.reply_to = std::move(destination.name);
      return std::nullopt;
    default:
      return "a reply goes to a /queue/ or a /temp-queue/";
  }
}

// nullopt: it is not one of ours. Otherwise what became of it.
std::optional<Parsed> read_ours(StompSend& send, const StompHeader& header, std::int64_t wall_ms) {
  const std::string& name = header.name;
  const std::string& value = header.value;
  Message& message = send.message;
  if (name == "dedupe-key" || name == "_AMQ_DUPL_ID") return read_key(message.dedupe_key, value);
  if (name == "order-key" || name == "JMSXGroupID") return read_key(message.order_key, value);
  if (name == "correlation-id") return read_key(message.correlation_id, value);
  if (name == "priority") return read_priority(send, value);
  if (name == "persistent") return read_persistent(send, value);
  if (name == "expires") return read_expires(send, value);
  if (name == "ttl") return read_ttl(send, value, wall_ms);
  if (name == "delay" || name == "AMQ_SCHEDULED_DELAY") return read_delay(send, value, wall_ms);
  if (name == "reply-to") return read_reply_to(send, value);
  return std::nullopt;
}

bool is_forwarded(std::string_view name) {
  return std::ranges::find(kNotForwarded, name) == kNotForwarded.end();
}

void add_some(StompFrame& frame, std::string_view name, std::string_view value) {
  if (!value.empty()) frame.add(name, value);
}

void add_number(StompFrame& frame, std::string_view name, std::int64_t value) {
  frame.add(name, std::to_string(value));
}

}  // namespace

std::variant<StompSend, StompRefusal> stomp_send(StompFrame frame, const Message& stamp,
                                                 std::int64_t wall_ms) {
  const std::string* const destination = frame.header(kDestination);
  if (destination == nullptr) return StompRefusal{"SEND has no destination"};
  auto parsed = parse_stomp_destination(*destination);
  if (StompRefusal* const refusal = std::get_if<StompRefusal>(&parsed)) return std::move(*refusal);
  StompSend send{std::get<StompDestination>(std::move(parsed)), stamp, std::nullopt, {}};
  if (send.destination.kind == StompDestination::Kind::kDead) {
    return StompRefusal{"nothing can be sent to /dead/"};
  }
  // How receivers see it; most often it follows from the queue.
  if (*destination != stomp_queue_text(send.destination.name)) {
    send.message.headers.emplace_back(kDestination, *destination);
  }
  for (auto header = frame.headers.begin(); header != frame.headers.end(); ++header) {
    const auto is_same = [&](const StompHeader& one) { return one.name == header->name; };
    if (!is_forwarded(header->name)) continue;
    if (std::find_if(frame.headers.begin(), header, is_same) != header) continue;
    const std::optional<Parsed> ours = read_ours(send, *header, wall_ms);
    if (ours && *ours) return StompRefusal{"SEND, " + printable(header->name) + ": " + **ours};
    if (!ours) send.message.headers.emplace_back(header->name, header->value);
  }
  send.message.body = std::move(frame.body);
  return send;
}

StompFrame stomp_message(const Message& message, std::string body, const StompDelivery& delivery) {
  StompFrame frame;
  frame.command = "MESSAGE";
  add_some(frame, "subscription", delivery.subscription);
  const std::string* const destination = message.header(kDestination);
  if (delivery.queue.starts_with('/')) {
    frame.add(kDestination, delivery.queue);
  } else {
    frame.add(kDestination,
              destination != nullptr ? *destination : stomp_queue_text(delivery.queue));
  }
  frame.add("message-id", message.id.text());
  add_some(frame, "ack", delivery.ack);
  frame.add("redelivered", delivery.deliveries > 1 ? "true" : "false");
  add_number(frame, "deliveries", delivery.deliveries);
  add_number(frame, "timestamp", message.sent_at_ms);
  if (message.expires_at_ms != 0) add_number(frame, "expires", message.expires_at_ms);
  add_number(frame, "priority", message.priority);
  add_some(frame, "correlation-id", message.correlation_id);
  if (!message.reply_to.empty()) {
    frame.add("reply-to", stomp_reply_text(message.reply_to, delivery.queue));
  }
  add_some(frame, "order-key", message.order_key);
  const std::size_t own = frame.headers.size();
  for (const Header& header : message.headers) {
    const bool is_said =
        std::any_of(frame.headers.begin(), frame.headers.begin() + static_cast<std::ptrdiff_t>(own),
                    [&header](const StompHeader& one) { return one.name == header.first; });
    if (!is_said && is_forwarded(header.first)) frame.add(header.first, header.second);
  }
  frame.body = std::move(body);
  return frame;
}

}  // namespace spoolmq::adapters

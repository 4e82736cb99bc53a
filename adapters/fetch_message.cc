#include "adapters/fetch_message.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "adapters/destination_template.h"
#include "adapters/stomp_carried.h"
#include "core/units.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kForeignKey = "stomp:";

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// What a queue takes as the name of a header.
bool is_header_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxHeaderNameBytes &&
         std::ranges::none_of(name, is_control);
}

struct Carried {
  std::string_view name;
  std::int64_t count = 1;  // it was the so manyth of its name
};
// Of "2-NAME" behind kHeaderPrefix; nullopt: it is something else.
std::optional<Carried> carried(std::string_view name) {
  if (!name.starts_with(kHeaderPrefix)) return std::nullopt;
  name.remove_prefix(kHeaderPrefix.size());
  const std::size_t dash = name.find('-');
  const auto count = parse_integer(name.substr(0, dash));
  if (dash == std::string_view::npos || !count || *count < 1) return std::nullopt;
  return Carried{name.substr(dash + 1), *count};
}

std::int64_t number_of(const StompFrame& frame, std::string_view name, std::int64_t otherwise) {
  const std::string* const text = frame.header(name);
  return text == nullptr ? otherwise : parse_integer(*text).value_or(otherwise);
}

std::string text_of(const StompFrame& frame, std::string_view name) {
  const std::string* const text = frame.header(name);
  return text == nullptr || text->size() > kMaxKeyBytes ? std::string() : *text;
}

std::string first_of(std::string one, std::string other) {
  return one.empty() ? std::move(other) : std::move(one);
}

// Brokers change the order of headers; of one name the first stays the first.
void take_headers(Message& message, const StompFrame& frame) {
  std::unordered_set<std::string_view> seen;  // of a repeated name the first counts
  std::vector<std::pair<std::int64_t, Header>> found;
  for (const StompHeader& header : frame.headers) {
    if (!seen.insert(header.name).second) continue;
    const std::optional<Carried> inside = carried(header.name);
    if (!inside && (is_frame_header(header.name) || header.name.starts_with(kOwnPrefix))) continue;
    const Carried one = inside.value_or(Carried{header.name});
    if (is_header_name(one.name)) {
      found.emplace_back(one.count, Header(std::string(one.name), header.value));
    }
  }
  std::ranges::stable_sort(found, {}, [](const auto& one) { return one.first; });
  for (auto& [count, header] : found) message.headers.push_back(std::move(header));
}

void take_priority(Message& message, const StompFrame& frame) {
  const std::int64_t common = number_of(frame, "priority", kDefaultPriority);
  const std::int64_t priority = number_of(frame, kPriorityHeader, common);
  message.priority =
      static_cast<std::uint16_t>(std::clamp<std::int64_t>(priority, 0, kMaxPriority));
}

// `expires` is a time. AMQP knows how long only, counted by the broker: from here on once more.
void take_expiry(Message& message, const StompFrame& frame, std::int64_t now_wall_ms) {
  message.expires_at_ms = std::max<std::int64_t>(number_of(frame, "expires", 0), 0);
  if (message.expires_at_ms != 0) return;
  const std::int64_t left_ms = number_of(frame, "expiration", 0);
  if (left_ms > 0 && left_ms < INT64_MAX - now_wall_ms) {
    message.expires_at_ms = now_wall_ms + left_ms;
  }
}

void take_reply_to(Message& message, const StompFrame& frame) {
  message.reply_to = text_of(frame, kReplyToHeader);
  const std::string* const place = frame.header("reply-to");
  if (!message.reply_to.empty() || place == nullptr) return;
  message.reply_to = queue_of_destination(*place);
  if (message.reply_to.empty()) message.headers.emplace_back("reply-to", *place);
}

// RabbitMQ's message-id names a delivery; what names the message is its publisher's.
std::string broker_id(const StompFrame& frame, StompBroker broker) {
  return text_of(frame, broker == StompBroker::kRabbitMq ? "amqp-message-id" : "message-id");
}

// A program that copies a message's headers into another message copies kIdHeader too. Where the
// broker has a place of its own for the id of a message, that is what counts.
std::optional<MessageId> own_id(const StompFrame& frame, StompBroker broker) {
  const std::string* const text =
      frame.header(broker == StompBroker::kSpoolmq ? "message-id" : kIdHeader);
  if (text == nullptr) return std::nullopt;
  const std::string* const amqp = frame.header("amqp-message-id");
  if (amqp != nullptr && *amqp != *text) return std::nullopt;
  std::optional<MessageId> id = MessageId::parse(*text);
  if (id && id->is_nil()) id.reset();
  return id;
}

}  // namespace

Message fetch_message(StompFrame& frame, StompBroker broker, std::int64_t now_wall_ms) {
  Message message;
  take_headers(message, frame);
  take_priority(message, frame);
  take_expiry(message, frame, now_wall_ms);
  take_reply_to(message, frame);
  message.correlation_id =
      first_of(text_of(frame, kCorrelationHeader), text_of(frame, "correlation-id"));
  message.order_key = first_of(text_of(frame, kOrderKeyHeader), text_of(frame, "order-key"));
  message.from.name = text_of(frame, kFromHeader);
  if (const std::optional<MessageId> id = own_id(frame, broker)) {
    message.id = *id;
    message.sent_at_ms = std::max<std::int64_t>(number_of(frame, kSentAtHeader, 0), 0);
    message.dedupe_key = text_of(frame, kDedupeKeyHeader);
  } else if (const std::string known = broker_id(frame, broker); !known.empty()) {
    if (known.size() + kForeignKey.size() <= kMaxKeyBytes) {
      message.dedupe_key = std::string(kForeignKey) + known;
    }
  }
  message.body = std::move(frame.body);
  return message;
}

bool is_recognised(const Message& message) {
  return !message.id.is_nil() || !message.dedupe_key.empty();
}

}  // namespace spoolmq::adapters

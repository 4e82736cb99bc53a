#include "adapters/forward_frame.h"

#include <algorithm>
#include <map>
#include <string>

#include "adapters/stomp_carried.h"

namespace spoolmq::adapters {
namespace {

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

void add_broker_headers(StompFrame& frame, const Message& message, StompBroker broker,
                        std::int64_t now_wall_ms) {
  const std::string id = message.id.text();
  switch (broker) {
    case StompBroker::kRabbitMq:
      frame.add("x-queue-type", "quorum");
      frame.add("durable", "true");
      frame.add("auto-delete", "false");
      frame.add("amqp-message-id", id);
      if (message.expires_at_ms != 0) {
        const std::int64_t left_ms = std::max<std::int64_t>(message.expires_at_ms - now_wall_ms, 1);
        frame.add("expiration", std::to_string(left_ms));
      }
      break;
    case StompBroker::kArtemis:
      frame.add("_AMQ_DUPL_ID", id);
      break;
    case StompBroker::kSpoolmq:
      frame.add("dedupe-key", id);
      break;
    case StompBroker::kActiveMq:
    case StompBroker::kOther:
      break;
  }
}

void add_delivery(StompFrame& frame, const Message& message, StompBroker broker) {
  if (message.priority != kDefaultPriority) {
    const bool fits = message.priority <= kMostCommonPriority || broker == StompBroker::kSpoolmq;
    frame.add("priority", std::to_string(fits ? message.priority : kMostCommonPriority));
    if (!fits) frame.add(kPriorityHeader, std::to_string(message.priority));
  }
  if (message.expires_at_ms != 0) frame.add("expires", std::to_string(message.expires_at_ms));
  if (!message.correlation_id.empty()) {
    const bool fits = message.correlation_id.size() <= kMostShortBytes;
    frame.add(fits ? "correlation-id" : kCorrelationHeader, message.correlation_id);
  }
  if (!message.reply_to.empty()) {
    const std::string place = destination_of_queue(message.reply_to, broker);
    frame.add(place.empty() ? kReplyToHeader : "reply-to",
              place.empty() ? message.reply_to : place);
  }
}

void add_own(StompFrame& frame, const Message& message, StompBroker broker) {
  frame.add(kIdHeader, message.id.text());
  frame.add(kSentAtHeader, std::to_string(message.sent_at_ms));
  if (!message.from.name.empty()) frame.add(kFromHeader, message.from.name);
  if (!message.order_key.empty()) {
    frame.add(broker == StompBroker::kSpoolmq ? "order-key" : kOrderKeyHeader, message.order_key);
  }
  if (!message.dedupe_key.empty()) frame.add(kDedupeKeyHeader, message.dedupe_key);
}

void add_users(StompFrame& frame, const Message& message, const ForwardSettings& settings) {
  std::map<std::string_view, int> counts;
  for (const auto& [name, value] : message.headers) {
    const auto& passed = settings.passed;
    if (!passed.empty() && std::ranges::find(passed, name) == passed.end()) continue;
    const int count = ++counts[name];
    const bool is_plain = count == 1 && !is_frame_header(name) && !name.starts_with(kOwnPrefix) &&
                          (!is_short_header(name) || value.size() <= kMostShortBytes);
    if (is_plain) {
      frame.add(name, value);
    } else {
      frame.add(std::string(kHeaderPrefix) + std::to_string(count) + "-" + name, value);
    }
  }
}

void add_given(StompFrame& frame, const ForwardSettings& settings) {
  for (const StompHeader& given : settings.headers) {
    const auto known = std::ranges::find(frame.headers, given.name, &StompHeader::name);
    if (known == frame.headers.end()) {
      if (!given.value.empty()) frame.headers.push_back(given);
    } else if (given.value.empty()) {
      frame.headers.erase(known);
    } else {
      known->value = given.value;
    }
  }
}

}  // namespace

ForwardFrame forward_frame(const Message& message, std::string_view queue,
                           const ForwardSettings& settings, StompBroker broker,
                           std::int64_t now_wall_ms) {
  ForwardFrame made;
  DestinationTemplate::Rendered destination = settings.destination.render(queue, message, broker);
  made.why = std::move(destination.why);
  if (!made.why.empty()) return made;
  made.frame.command = "SEND";
  made.frame.add("destination", destination.text);
  made.frame.add("receipt", message.id.text());
  made.frame.add("persistent", "true");
  add_broker_headers(made.frame, message, broker, now_wall_ms);
  add_delivery(made.frame, message, broker);
  add_own(made.frame, message, broker);
  add_users(made.frame, message, settings);
  add_given(made.frame, settings);
  const auto bad = std::ranges::find_if(made.frame.headers,
                                        [](const StompHeader& one) { return has_nul(one.value); });
  if (bad != made.frame.headers.end()) made.why = "header " + bad->name + " has a NUL inside";
  return made;
}

}  // namespace spoolmq::adapters

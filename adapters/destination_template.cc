#include "adapters/destination_template.h"

#include <algorithm>
#include <array>

#include "adapters/template_text.h"
#include "core/names.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kQueuePrefix = "/queue/";
constexpr std::string_view kEscapedSlash = "%2F";
// AMQP's names have no more; and nobody else's are longer.
constexpr std::size_t kMostValueBytes = 255;

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~").find(c) != std::string_view::npos;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (is_unreserved(c)) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded.append(1, '%').append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  }
  return encoded;
}

std::string of_queue(std::string_view queue, StompBroker broker) {
  return broker == StompBroker::kRabbitMq ? percent_encoded(queue) : std::string(queue);
}

}  // namespace

DestinationTemplate DestinationTemplate::parse(std::string_view text) {
  DestinationTemplate made;
  for (TemplatePart& part : cut_template(text)) {
    if (part.kind == TemplatePart::Kind::kText) {
      if (part.text.find_first_of(std::string_view("\0\n\r", 3)) != std::string::npos) {
        throw template_refusal(text, part.column, "a destination is one line");
      }
      made.pieces_.push_back({Part::kText, std::move(part.text)});
      continue;
    }
    const auto [word, argument] = cut_placeholder(part.text);
    if (word == "queue" && !argument) {
      made.pieces_.push_back({Part::kQueue, {}});
    } else if (word == "header" && argument && !argument->empty()) {
      made.pieces_.push_back({Part::kHeader, std::string(*argument)});
    } else {
      throw template_refusal(text, part.column, "not {queue} and not {header:NAME}");
    }
  }
  if (made.pieces_.empty()) throw template_refusal(text, 1, "it is empty");
  return made;
}

DestinationTemplate::Rendered DestinationTemplate::render(std::string_view queue,
                                                          const Message& message,
                                                          StompBroker broker) const {
  Rendered rendered;
  for (const Piece& piece : pieces_) {
    switch (piece.part) {
      case Part::kText:
        rendered.text += piece.text;
        break;
      case Part::kQueue:
        rendered.text += of_queue(queue, broker);
        break;
      case Part::kHeader: {
        const std::string* const value = message.header(piece.text);
        if (value == nullptr || value->empty() || value->size() > kMostValueBytes) {
          rendered.why = "no destination: header " + piece.text +
                         (value == nullptr ? " is missing"
                          : value->empty() ? " is empty"
                                           : " is longer than 255 bytes");
          return rendered;
        }
        rendered.text += broker == StompBroker::kSpoolmq ? *value : percent_encoded(*value);
      }
    }
  }
  return rendered;
}

bool DestinationTemplate::has_header() const {
  return std::ranges::any_of(pieces_, [](const Piece& one) { return one.part == Part::kHeader; });
}

std::string destination_of_queue(std::string_view queue, StompBroker broker) {
  if (names::refuse_queue_name(queue)) return {};
  return std::string(kQueuePrefix) + of_queue(queue, broker);
}

std::string queue_of_destination(std::string_view destination) {
  if (!destination.starts_with(kQueuePrefix)) return {};
  destination.remove_prefix(kQueuePrefix.size());
  std::string queue;
  while (!destination.empty()) {
    const bool escaped = destination.starts_with(kEscapedSlash);
    queue += escaped ? '/' : destination.front();
    destination.remove_prefix(escaped ? kEscapedSlash.size() : 1);
  }
  return names::refuse_queue_name(queue) ? std::string() : queue;
}

}  // namespace spoolmq::adapters

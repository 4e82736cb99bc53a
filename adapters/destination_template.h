#pragma once
// A destination of STOMP made from a queue's name and a message's headers:
//   {queue}         the queue's name
//   {header:NAME}   the value of that header of the message
// A brace itself is written twice. What a message says can never leave its place: under RabbitMQ
// and the others all but letters, digits and "-._~" is percent-encoded, as RabbitMQ reads it. The
// queue's own "/" is so under RabbitMQ only. spoolmq checks names itself. A plain value; pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/stomp_broker.h"
#include "spoolmq/message.h"

namespace spoolmq::adapters {

class DestinationTemplate {
 public:
  // Throws Error(kUsage) naming text, column and what is allowed.
  static DestinationTemplate parse(std::string_view text);

  struct Rendered {
    std::string text;
    std::string why;  // not empty: this message has none
  };
  [[nodiscard]] Rendered render(std::string_view queue, const Message& message,
                                StompBroker broker) const;
  // It follows from the message.
  [[nodiscard]] bool has_header() const;

 private:
  enum class Part : std::uint8_t { kText, kQueue, kHeader };
  struct Piece {
    Part part = Part::kText;
    std::string text;  // or the header's name
  };
  std::vector<Piece> pieces_;
};

// "/queue/NAME" of a queue of ours, and back; empty: it is none.
std::string destination_of_queue(std::string_view queue, StompBroker broker);
std::string queue_of_destination(std::string_view destination);

}  // namespace spoolmq::adapters

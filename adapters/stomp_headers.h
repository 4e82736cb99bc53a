#pragma once
// What a message is in STOMP: SEND frame → message, message → MESSAGE frame. Pure.
//
//   SEND, ours     dedupe-key _AMQ_DUPL_ID · order-key JMSXGroupID · priority · persistent
//                  expires (ms since the epoch, 0: never) · ttl · delay AMQ_SCHEDULED_DELAY
//                  (ms, or 500ms 30s 10m 2h 7d) · correlation-id · reply-to
//   SEND, ignored  message-id, and whatever a MESSAGE says of its delivery
//   the rest       headers of the message, of a repeated name the first
//   MESSAGE        subscription destination message-id ack redelivered deliveries timestamp expires
//                  priority correlation-id reply-to order-key, then the message's headers

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "adapters/stomp_destination.h"
#include "adapters/stomp_frame.h"
#include "adapters/stomp_refusal.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

enum class StompMissing : std::uint8_t { kRefuse, kMake };  // a queue that is not there

struct StompSend {
  StompDestination destination;
  Message message;
  std::optional<Durability> durability;  // persistent; none: the queue's
  // Of a mailbox of this connection, that is to be put into the message; empty: none.
  std::string temp_reply_to;
  StompMissing missing = StompMissing::kRefuse;
};

// `stamp` has what every message of that sender has; `wall_ms` is now.
std::variant<StompSend, StompRefusal> stomp_send(StompFrame frame, const Message& stamp,
                                                 std::int64_t wall_ms);

// How a message is delivered.
struct StompDelivery {
  std::string_view queue;              // or "/dead/" and its name
  std::string_view subscription = {};  // empty: a 1.0 client gave none
  std::string_view ack = {};           // empty: none
  std::int64_t deliveries = 1;
};
// Its body is `body`: the message's own may be a large one. What is empty or 0 is left out.
StompFrame stomp_message(const Message& message, std::string body, const StompDelivery& delivery);

}  // namespace spoolmq::adapters

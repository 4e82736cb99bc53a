#pragma once
// The SEND of one message. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/forward_settings.h"
#include "adapters/stomp_broker.h"
#include "adapters/stomp_frame.h"
#include "spoolmq/message.h"

namespace spoolmq::adapters {

struct ForwardFrame {
  StompFrame frame;
  std::string why;  // not empty: this message cannot go, now or ever
};

// Without its body. `receipt` and every name by which a receiver knows a repetition are the
// message's id.
ForwardFrame forward_frame(const Message& message, std::string_view queue,
                           const ForwardSettings& settings, StompBroker broker,
                           std::int64_t now_wall_ms);

}  // namespace spoolmq::adapters

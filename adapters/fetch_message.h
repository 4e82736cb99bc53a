#pragma once
// The message that a MESSAGE frame becomes here. Pure.

#include <cstdint>

#include "adapters/stomp_broker.h"
#include "adapters/stomp_frame.h"
#include "spoolmq/message.h"

namespace spoolmq::adapters {

// One that a forward of ours sent is again what it was, its id and keys included. Of others:
// headers that mean something to a broker are understood or left out, and all that were given are
// kept; the broker's own name for the message, where it stays the same when it comes again, becomes
// the dedupe key. The body is moved out of the frame.
Message fetch_message(StompFrame& frame, StompBroker broker, std::int64_t now_wall_ms);

// The queue knows it when it comes again.
bool is_recognised(const Message& message);

}  // namespace spoolmq::adapters

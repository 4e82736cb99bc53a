#pragma once
// What a message must be before anything is written: limits, UTF-8, and the queue's own check of
// the body. Each throws Error(kBadData) naming the queue, the part and why. Pure.

#include <string>

#include "spoolmq/message.h"
#include "spoolmq/settings.h"

namespace spoolmq {

// Priority, keys and headers.
void check_fields(const std::string& queue, const Message& message);
void check_body(const std::string& queue, std::string_view body, BodyCheck check);

}  // namespace spoolmq

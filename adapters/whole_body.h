#pragma once
// The body of a message on lease, inline or large, in memory: for those who can hand it on only
// whole, and have looked at its size before.

#include <string>

#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// Throws Error(kBadData) where its checksum is wrong.
std::string whole_body(const Delivery& delivery);

}  // namespace spoolmq::adapters

#pragma once
// The whole body of a message that goes out, wherever it is kept.

#include <cstddef>
#include <optional>
#include <string>

#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// nullopt: it is longer than that. Throws Error(kBadData) where a large one's checksum is wrong.
std::optional<std::string> whole_body(const Delivery& delivery, std::size_t most_bytes);

// Why a message is refused that is longer than its way allows.
std::string oversize(std::uint64_t bytes, std::uint64_t most_bytes);

}  // namespace spoolmq::adapters

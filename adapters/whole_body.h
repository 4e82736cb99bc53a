#pragma once
// The body of a message on lease, inline or large, in memory: for those who can hand it on only
// whole.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// Both throw Error(kBadData) where a large one's checksum is wrong.
std::string whole_body(const Delivery& delivery);
// nullopt: it is longer than that.
std::optional<std::string> whole_body(const Delivery& delivery, std::size_t most_bytes);

// Why a message is refused that is longer than its way allows.
std::string oversize(std::uint64_t bytes, std::uint64_t most_bytes);

}  // namespace spoolmq::adapters

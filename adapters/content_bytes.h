#pragma once
// What the first bytes of a file say it is. Pure.

#include <string_view>

namespace spoolmq::adapters {

// A media type; empty where they say nothing. At most 512 bytes are looked at.
std::string_view content_type_of_bytes(std::string_view head);

}  // namespace spoolmq::adapters

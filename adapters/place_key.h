#pragma once
// Keys that several bridges have: the path of a FIFO or a socket, limits of one message. Each
// throws bad_value.

#include <cstddef>
#include <string>

#include "adapters/adapter_keys.h"

namespace spoolmq::adapters {

// Absolute, of a file rather than a directory, at most PATH_MAX.
std::string parse_file_path(const KeyValue& given);
// From 1 byte to what a message has room for in memory.
std::size_t parse_most_bytes(const KeyValue& given);

}  // namespace spoolmq::adapters

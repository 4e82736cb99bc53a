#pragma once
// Users, as keys name them and as messages show them. Thread-safe.

#include <cstdint>
#include <string>

#include "adapters/adapter_keys.h"

namespace spoolmq::adapters {

// A name of the user database, or a number. Throws bad_value.
std::uint32_t parse_user_key(const KeyValue& given);
// The name; the number where there is none.
std::string shown_user(std::uint32_t uid);

}  // namespace spoolmq::adapters

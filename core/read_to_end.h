#pragma once
// Small files that are not spool files: the kernel's, and those that a person wrote.

#include <cstddef>
#include <optional>
#include <string>

namespace spoolmq {

// What a descriptor holds from where it stands to its end, `most` bytes at the most. nullopt: errno
// says why. A read that is interrupted, or moves less than was asked for, goes on.
std::optional<std::string> read_to_end(int descriptor, std::size_t most);

}  // namespace spoolmq

#pragma once
// What the next process must find, against the account: the invariants of DESIGN.md section 3 as a
// user sees them. Returns the violations in words; nothing of it throws.

#include <string>
#include <vector>

#include "tests/store/crash_world.h"

namespace spoolmq::test {

using Violations = std::vector<std::string>;

enum class Thoroughness : std::uint8_t {
  kNormal,
  kRebuildToo,  // the index is deleted after maintenance, and everything looked at again
};

// What the next process does before anything else: opens the queues and looks for dead handles.
void recover(World& world);

// Opens the world's queues, recovers, looks at every message, drains what is live, and looks again.
Violations check(World& world, Thoroughness thoroughness = Thoroughness::kNormal);

// Every file of the index goes, as an operator or a damaged disk would have it.
void delete_index(World& world, const std::string& queue = "q");

}  // namespace spoolmq::test

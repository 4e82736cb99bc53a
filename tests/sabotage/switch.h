#pragma once
// What a copy of a source file asks whose safeguards can be taken away (sabotage.py writes them).

#include <cstdlib>
#include <string_view>

namespace spoolmq::test {

// Whether this process does without that safeguard. Children inherit it.
inline bool sabotaged(std::string_view safeguard) {
  static const char* const chosen = std::getenv("SPOOLMQ_SABOTAGE");
  return chosen != nullptr && safeguard == chosen;
}

}  // namespace spoolmq::test

// States by the words that people use.
#include "spoolmq/queue.h"

namespace spoolmq {

std::string_view state_name(State state) {
  switch (state) {
    case State::kReady:
      return "ready";
    case State::kDelayed:
      return "delayed";
    case State::kLeased:
      return "leased";
    case State::kHeld:
      return "held";
    case State::kDead:
      return "dead";
    case State::kCorrupt:
      return "corrupt";
    case State::kArchived:
      return "archived";
  }
  return "unknown";
}

std::optional<State> parse_state(std::string_view name) {
  for (std::size_t i = 0; i < kStateCount; ++i) {
    if (state_name(static_cast<State>(i)) == name) return static_cast<State>(i);
  }
  return std::nullopt;
}

}  // namespace spoolmq

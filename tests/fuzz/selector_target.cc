// --where: a refusal has its column within the text; a selector judges any message, and one whose
// state is not among its possible ones never matches.

#include <algorithm>

#include "cli/selector.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {

void selector(std::string_view input) {
  const auto parsed = cli::Selector::parse(input);
  if (const auto* const refusal = std::get_if<cli::SelectorRefusal>(&parsed)) {
    SPOOLMQ_CHECK(!refusal->why.empty());
    SPOOLMQ_CHECK(refusal->column >= 1 && refusal->column <= input.size() + 1);
    return;
  }
  SPOOLMQ_CHECK(input.size() <= cli::kMaxSelectorBytes);
  const auto& where = std::get<cli::Selector>(parsed);
  const auto possible = where.possible_states();
  const std::string value = "7";
  const auto header = [&](std::string_view name) {
    SPOOLMQ_CHECK(where.uses_headers());
    return name.size() % 2 == 0 ? &value : nullptr;
  };
  for (const State state : {State::kReady, State::kDelayed, State::kLeased, State::kHeld,
                            State::kDead, State::kCorrupt, State::kArchived}) {
    MessageStatus status;
    status.state = state;
    status.reason = "rejected: not an order";
    const bool matches = where.matches(status, 1'000'000, header);
    if (matches) SPOOLMQ_CHECK(std::ranges::find(possible, state) != possible.end());
  }
}

}  // namespace spoolmq::fuzz

#pragma once
// Rows whose sequence numbers follow each other: one statement speaks of all of them, at a quarter
// of what a statement for each costs.

#include <cstdint>
#include <functional>
#include <ranges>

namespace spoolmq {

struct Run {
  std::int64_t first = 0;
  std::int64_t last = 0;  // with it
};

// Calls `act` for each run of numbers that follow each other, in the order of `rows`; `number_of`
// gives a row's.
template <std::ranges::forward_range Rows, typename Act, typename NumberOf = std::identity>
void for_each_run(const Rows& rows, Act act, NumberOf number_of = {}) {
  auto row = std::ranges::begin(rows);
  while (row != std::ranges::end(rows)) {
    const std::int64_t first = std::invoke(number_of, *row);
    std::int64_t last = first;
    while (++row != std::ranges::end(rows) && std::invoke(number_of, *row) == last + 1) ++last;
    act(Run{first, last});
  }
}

}  // namespace spoolmq

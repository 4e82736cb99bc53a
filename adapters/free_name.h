#pragma once
// A name that nothing has yet: the wanted one, then numbered ones, the first hundred in turn and
// then at random, so that a directory full of the same name costs no more.

#include <cstdint>
#include <optional>
#include <string>

#include "core/id_source.h"

namespace spoolmq::adapters {

// Calls take(name) until it answers true, and returns that name; nullopt if none was to be had.
// `number` makes the numbered names of `wanted`.
template <typename Number, typename Take>
std::optional<std::string> take_free_name(const std::string& wanted, const Number& number,
                                          const Take& take) {
  constexpr std::uint64_t kNumbersInTurn = 100;
  constexpr std::uint64_t kMostTries = 200;
  std::string name = wanted;
  for (std::uint64_t tries = 1; !take(name); ++tries) {
    if (tries == kMostTries) return std::nullopt;
    name = number(wanted, tries <= kNumbersInTurn ? tries : random_bits());
  }
  return name;
}

}  // namespace spoolmq::adapters

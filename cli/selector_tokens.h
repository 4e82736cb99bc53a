#pragma once
// Cuts the text of --where into tokens. Pure; allocates what it returns, no more than the text.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/selector.h"

namespace spoolmq::cli {

struct SelectorToken {
  enum class Kind : std::uint8_t { kWord, kQuoted, kOperator, kOpen, kClose, kEnd };
  Kind kind = Kind::kEnd;
  std::string text;     // as written; of kQuoted: without its quotes
  std::size_t at = 0;   // byte offset of its beginning
  std::size_t end = 0;  // and behind its last byte
};

// Ends in one kEnd. Refused: bytes that are not UTF-8, an open quote, a character that has no place
// outside quotes, an operator that is none.
std::variant<std::vector<SelectorToken>, SelectorRefusal> cut_selector(std::string_view text);

// A decimal number, "-3" or "9.50"; nullopt: it is something else, or not finite.
std::optional<double> selector_number(std::string_view text);

// The column, from 1, of a byte offset.
std::size_t selector_column(std::string_view text, std::size_t offset);

}  // namespace spoolmq::cli

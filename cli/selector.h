#pragma once
// The language of --where, as DESIGN section 5 has it: conditions on one message.
//
//   expression  = conjunction { "or" conjunction }
//   conjunction = term { "and" term }
//   term        = "not" term | "(" expression ")" | comparison
//   comparison  = name ( = != < <= > >= ~ ) literal
//   name        = id state age priority deliveries failures redrives reason size from order_key
//                 header.NAME, or header.'NAME' for names that are not one word
//   literal     = a word (letters, digits, . _ - + : / and all beyond ASCII) or text in single
//                 quotes, a quote in it doubled
//
// Keywords and names are lower case. What a name is compared with:
//   id                        a whole id; ids are ordered as they were made
//   state                     a state's name, by = != ~ alone
//   age                       a duration, how long ago it was sent
//   size                      a size, of the body
//   priority … redrives       a whole number
//   reason, from, order_key   text, by = != ~ alone; of a reason "rejected: not an order" also
//                             the word before the colon is compared
//   header.NAME               text; < <= > >= with a number compare numbers, with quoted text bytes
// `~` is a shell pattern that the whole text must match. A header that a message does not have, or
// that is no number where a number is wanted, satisfies != alone.
//
// Pure. A Selector is a plain value.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "spoolmq/queue.h"

namespace spoolmq::cli {

inline constexpr std::size_t kMaxSelectorBytes = 4096;
inline constexpr std::size_t kMaxSelectorDepth = 64;  // of parentheses and `not` in each other

struct SelectorRefusal {
  std::size_t column = 0;  // in code points, from 1
  std::string why;
};

// The first value of a header of the message that is looked at; nullptr: it has none of that name.
using HeaderLookup = std::function<const std::string*(std::string_view name)>;

// One node of a parsed expression.
struct Condition {
  enum class Kind : std::uint8_t { kAll, kAny, kNot, kComparison };
  enum class Field : std::uint8_t {
    kId,
    kState,
    kAge,
    kPriority,
    kDeliveries,
    kFailures,
    kRedrives,
    kReason,
    kSize,
    kFrom,
    kOrderKey,
    kHeader,
  };
  enum class Operator : std::uint8_t {
    kEqual,
    kNotEqual,
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual,
    kLike,
  };
  enum class Literal : std::uint8_t { kText, kNumber };

  Kind kind = Kind::kAll;
  std::vector<Condition> parts;  // of kAll, kAny: one or more; of kNot: one
  // Of kComparison:
  Field field = Field::kId;
  Operator op = Operator::kEqual;
  Literal literal = Literal::kText;
  std::string header;       // NAME of header.NAME
  std::string text;         // the literal: text, pattern, state, or canonical id
  std::int64_t number = 0;  // the literal of a field that is a number: count, bytes, milliseconds
};

class Selector {
 public:
  static std::variant<Selector, SelectorRefusal> parse(std::string_view text);

  // `header` is asked only where the outcome hangs on it.
  [[nodiscard]] bool matches(const MessageStatus& status, std::int64_t now_ms,
                             const HeaderLookup& header) const;
  // Whether `header` may be asked at all: the message must be at hand.
  [[nodiscard]] bool uses_headers() const;
  // Messages in other states never match: a scan can leave them out.
  [[nodiscard]] std::vector<State> possible_states() const;

 private:
  explicit Selector(Condition root) : root_(std::move(root)) {}
  Condition root_;
};

// The parser; Selector::parse is how others call it.
std::variant<Condition, SelectorRefusal> parse_conditions(std::string_view text);

}  // namespace spoolmq::cli

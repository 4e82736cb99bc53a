#include "cli/selector.h"

#include <algorithm>
#include <compare>
#include <utility>

#include "cli/selector_tokens.h"
#include "core/check.h"
#include "core/text.h"
#include "core/units.h"

namespace spoolmq::cli {
namespace {

using Field = Condition::Field;
using Kind = Condition::Kind;
using Operator = Condition::Operator;

bool holds(Operator op, std::partial_ordering order) {
  switch (op) {
    case Operator::kEqual:
      return order == 0;
    case Operator::kNotEqual:
      return order != 0;
    case Operator::kLess:
      return order < 0;
    case Operator::kLessOrEqual:
      return order <= 0;
    case Operator::kGreater:
      return order > 0;
    case Operator::kGreaterOrEqual:
      return order >= 0;
    case Operator::kLike:
      break;
  }
  SPOOLMQ_CHECK(op != Operator::kLike);  // patterns have no order
  return false;
}

bool text_holds(const Condition& condition, std::string_view value) {
  if (condition.op == Operator::kLike) return glob_match(condition.text, value);
  return holds(condition.op, value <=> std::string_view(condition.text));
}

// "rejected: not an order" is `rejected`, too: what follows the colon is for people.
bool reason_holds(const Condition& condition, std::string_view reason) {
  const bool whole = text_holds(condition, reason);
  const bool word = text_holds(condition, reason.substr(0, reason.find(':')));
  return condition.op == Operator::kNotEqual ? whole && word : whole || word;
}

// Whole numbers exactly, others as doubles.
std::partial_ordering compare_numbers(std::string_view left, std::string_view right) {
  const auto whole_left = parse_integer(left);
  const auto whole_right = parse_integer(right);
  if (whole_left && whole_right) return *whole_left <=> *whole_right;
  const auto decimal_left = selector_number(left);
  const auto decimal_right = selector_number(right);
  if (!decimal_left || !decimal_right) return std::partial_ordering::unordered;
  return *decimal_left <=> *decimal_right;
}

bool header_holds(const Condition& condition, const std::string* value) {
  if (value == nullptr) return condition.op == Operator::kNotEqual;
  if (condition.literal == Condition::Literal::kText) return text_holds(condition, *value);
  return holds(condition.op, compare_numbers(*value, condition.text));
}

std::int64_t number_of(Field field, const MessageStatus& status, std::int64_t now_ms) {
  switch (field) {
    case Field::kAge:
      return now_ms - status.sent_at_ms;
    case Field::kPriority:
      return status.priority;
    case Field::kDeliveries:
      return status.counters.deliveries;
    case Field::kFailures:
      return status.counters.failures;
    case Field::kRedrives:
      return status.counters.redrives;
    default:
      SPOOLMQ_CHECK(field == Field::kSize);
      return static_cast<std::int64_t>(status.size);
  }
}

bool comparison_holds(const Condition& condition, const MessageStatus& status, std::int64_t now_ms,
                      const HeaderLookup& header) {
  switch (condition.field) {
    case Field::kId:
      return text_holds(condition, status.id.text());
    case Field::kState:
      return text_holds(condition, state_name(status.state));
    case Field::kReason:
      return reason_holds(condition, status.reason);
    case Field::kFrom:
      return text_holds(condition, status.from.name);
    case Field::kOrderKey:
      return text_holds(condition, status.order_key);
    case Field::kHeader:
      return header_holds(condition, header(condition.header));
    default:
      return holds(condition.op, number_of(condition.field, status, now_ms) <=> condition.number);
  }
}

bool condition_holds(const Condition& condition, const MessageStatus& status, std::int64_t now_ms,
                     const HeaderLookup& header) {
  const auto part_holds = [&](const Condition& part) {
    return condition_holds(part, status, now_ms, header);
  };
  switch (condition.kind) {
    case Kind::kAll:
      return std::all_of(condition.parts.begin(), condition.parts.end(), part_holds);
    case Kind::kAny:
      return std::any_of(condition.parts.begin(), condition.parts.end(), part_holds);
    case Kind::kNot:
      return !part_holds(condition.parts.front());
    case Kind::kComparison:
      break;
  }
  return comparison_holds(condition, status, now_ms, header);
}

bool asks_header(const Condition& condition) {
  if (condition.kind == Kind::kComparison) return condition.field == Field::kHeader;
  return std::any_of(condition.parts.begin(), condition.parts.end(), asks_header);
}

// What can be said of a condition when nothing but a message's state is known.
enum class Certainty : std::uint8_t { kNever, kPerhaps, kAlways };

Certainty certainty(const Condition& condition, std::string_view state) {
  if (condition.kind == Kind::kComparison) {
    if (condition.field != Field::kState) return Certainty::kPerhaps;
    return text_holds(condition, state) ? Certainty::kAlways : Certainty::kNever;
  }
  Certainty least = Certainty::kAlways;
  Certainty most = Certainty::kNever;
  for (const Condition& part : condition.parts) {
    const Certainty of_part = certainty(part, state);
    least = std::min(least, of_part);
    most = std::max(most, of_part);
  }
  if (condition.kind == Kind::kAll) return least;
  if (condition.kind == Kind::kAny) return most;
  if (least == Certainty::kPerhaps) return Certainty::kPerhaps;
  return least == Certainty::kAlways ? Certainty::kNever : Certainty::kAlways;
}

}  // namespace

std::variant<Selector, SelectorRefusal> Selector::parse(std::string_view text) {
  auto parsed = parse_conditions(text);
  if (auto* refusal = std::get_if<SelectorRefusal>(&parsed)) return std::move(*refusal);
  return Selector(std::move(std::get<Condition>(parsed)));
}

bool Selector::matches(const MessageStatus& status, std::int64_t now_ms,
                       const HeaderLookup& header) const {
  return condition_holds(root_, status, now_ms, header);
}

bool Selector::uses_headers() const { return asks_header(root_); }

std::vector<State> Selector::possible_states() const {
  std::vector<State> states;
  for (std::size_t i = 0; i < kStateCount; ++i) {
    const auto state = static_cast<State>(i);
    if (certainty(root_, state_name(state)) != Certainty::kNever) states.push_back(state);
  }
  return states;
}

}  // namespace spoolmq::cli

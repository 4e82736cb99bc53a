#pragma once
// Which messages a command is about: SEL of DESIGN section 5, and what list and search share with
// it. A selection holds ids alone; messages are looked at in pages of at most 1000.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/selector.h"

namespace spoolmq::cli {

inline constexpr std::string_view kAll = "ALL";

// What of --state and --where is to be looked at. Both set: messages that satisfy both.
struct Filter {
  std::vector<State> states;         // empty: all
  std::optional<Selector> selector;  // none: all
};

// From the options --state (any number) and --where. Throws Error(kUsage), with the column of what
// is wrong in an expression.
Filter filter_of(const Arguments& arguments);

// Visits what passes the filter, in index order, until `visit` returns false. A message that
// vanishes meanwhile, or whose bytes are damaged, has no headers.
void scan_matches(Queue& queue, const Filter& filter,
                  const std::function<bool(const MessageStatus&)>& visit);

struct Selection {
  std::vector<MessageId> ids;        // each once, in the order given, else in index order
  std::vector<std::string> unknown;  // tails that no message has
  bool named = false;                // given one by one, not by a condition
};

// SEL of a fix command: operands behind the queue's name, --where, --state. Without --state a
// condition is limited to `usual_states` (empty: all). Throws Error(kUsage) where nothing is
// selected, or by two ways that exclude each other.
Selection select_messages(Queue& queue, std::string_view operation, const Arguments& arguments,
                          const std::vector<State>& usual_states);

}  // namespace spoolmq::cli

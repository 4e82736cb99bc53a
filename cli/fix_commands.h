#pragma once
// What the commands that change many messages have in common: select, change in slices, print the
// ids that were changed, count what was skipped.

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace spoolmq::cli {

struct Act {
  std::string_view name;            // of the command
  std::vector<State> changes;       // the states it applies to; the queue has the last word
  std::vector<State> usual_states;  // looked at where --state is not given; empty: all
  std::optional<std::int64_t> rate_per_s = std::nullopt;
  std::function<FixResult(std::span<const MessageId>)> change;
};

// Does it, or with --dry-run prints what it would change. The exit code: 0 all done, 1 nothing
// matched, 2 some skipped, 66 none of the ids named exists.
int run_act(Context& context, Queue& queue, const Act& act, const Arguments& arguments);

}  // namespace spoolmq::cli

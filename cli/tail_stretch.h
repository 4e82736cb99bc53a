#pragma once
// Which messages of a queue a tail shows.

#include <optional>

#include "cli/tail_plan.h"
#include "spoolmq/tail.h"

namespace spoolmq::cli {

struct TailStretch {
  TailOptions begin;
  std::optional<MessageId> last;  // with which it ends, unless it follows; none: there is none
};

// Throws Error, kNotFound for the end of an id that no message has.
TailStretch find_tail_stretch(Queue& queue, const TailPlan& plan);

}  // namespace spoolmq::cli

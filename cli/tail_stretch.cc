#include "cli/tail_stretch.h"

#include "cli/last_messages.h"
#include "cli/message_ids.h"

namespace spoolmq::cli {

TailStretch find_tail_stretch(Queue& queue, const TailPlan& plan) {
  const bool of_last = plan.begin == TailPlan::Begin::kLast;
  TailStretch stretch;
  if (plan.begin == TailPlan::Begin::kAfter)
    stretch.begin.after = find_id(queue, "tail", plan.after);
  if (of_last || !plan.follow) {
    const LastMessages found = find_last_messages(queue, of_last ? plan.count : 0);
    stretch.last = found.last;
    if (of_last) stretch.begin.after = found.before;
  }
  if (plan.begin != TailPlan::Begin::kNow && !stretch.begin.after) {
    stretch.begin.start = TailOptions::Start::kOldest;
  }
  return stretch;
}

}  // namespace spoolmq::cli

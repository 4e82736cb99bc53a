#pragma once
// A command run for one delivery, from its start to its end, while the lease is extended. One
// thread.

#include "adapters/command_run.h"
#include "cli/captured_output.h"
#include "spoolmq/queue.h"

namespace spoolmq::cli {

struct AttendedRules {
  adapters::RunRules run;
  Milliseconds lease{};
  int kill_now = -1;  // a descriptor: readable once everything has to end at once
};

// Throws Error where the command cannot be started for a reason that is not its own; a command
// that is missing or not executable has exited with 127 or 126. Does not finish the delivery.
// With `output` its standard output goes there, and it must end once that is full.
adapters::CommandEnd run_command(const AttendedRules& rules, Queue& queue, Delivery& delivery,
                                 const CapturedOutput* output = nullptr);

}  // namespace spoolmq::cli

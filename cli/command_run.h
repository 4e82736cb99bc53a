#pragma once
// One run of a command for one delivery: its body goes to the command's standard input while the
// lease is extended, until the command has ended or is made to end (TERM to its group, 5 s later
// KILL). Waits in one poll(2) for whatever comes first. One thread.

#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/captured_output.h"
#include "cli/new_file.h"
#include "cli/verdict.h"
#include "spoolmq/queue.h"

namespace spoolmq::cli {

struct RunRules {
  std::vector<std::string> command;      // "{}" stands for a file with the body
  std::vector<std::string> environment;  // without the message's variables
  sigset_t signal_mask{};                // the command's
  std::optional<Milliseconds> timeout;
  Milliseconds lease{};
  int kill_now = -1;  // a descriptor: readable once everything has to end at once
  const PrivateDirectory* directory = nullptr;  // for the files; there if "{}" is used
};

bool uses_file(const std::vector<std::string>& command);

// Throws Error where the command cannot be started for a reason that is not its own; a command
// that is missing or not executable has exited with 127 or 126. Does not finish the delivery.
// With `output` its standard output goes there, and it must end once that is full.
CommandEnd run_command(const RunRules& rules, Queue& queue, Delivery& delivery,
                       const CapturedOutput* output = nullptr);

}  // namespace spoolmq::cli

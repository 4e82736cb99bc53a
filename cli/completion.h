#pragma once
// The bash completion script, made from the tables of commands: commands, their options, some
// options' values, and the names of queues, which it asks of `spoolmq queues --quiet`. Pure.

#include <span>
#include <string>

#include "cli/command.h"

namespace spoolmq::cli {

std::string bash_completion(std::span<const Command* const> commands,
                            std::span<const OptionSpec> global);

}  // namespace spoolmq::cli

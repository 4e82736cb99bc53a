#pragma once
// The crew of `consume` and `reply`: as many workers as --concurrency says, until they are told to
// stop, the command is broken, or (with --until-empty) nothing is left. TERM or INT: running
// commands end in peace; a second one: they are killed and their messages released.

#include <array>

#include "cli/command.h"
#include "cli/consume_worker.h"

namespace spoolmq::cli {

inline constexpr std::array kCrewOptions = {
    OptionSpec{"--concurrency", "N", "that many commands at a time; default 1"},
    OptionSpec{"--until-empty", "", "end when nothing is left; 2 if a message went dead"},
    OptionSpec{"--timeout", "D", "a command that runs longer has failed"},
    OptionSpec{"--as", "NAME", "a name for `consumers`"},
};

// Q is the first operand. Returns the exit code; with `replies` the workers answer.
int run_crew(Context& context, const Arguments& arguments, const ReplyRules* replies);

}  // namespace spoolmq::cli

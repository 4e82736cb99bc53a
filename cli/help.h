#pragma once
// What --help prints, made from the tables of commands.

#include <string>

#include "cli/command.h"

namespace spoolmq::cli {

std::string overview();                            // every command, in its group
std::string command_help(const Command& command);  // usage, summary, options, example
std::string version_line();

}  // namespace spoolmq::cli

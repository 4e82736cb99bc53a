#pragma once
// The rows of the group `data`, each beside the code that runs it; data_commands.cc joins them.

#include <span>

#include "cli/command.h"

namespace spoolmq::cli {

Command send_command();
Command receive_command();
std::span<const Command> receipt_commands();  // ack nack release extend reject
Command consume_command();
Command request_command();
Command reply_command();

}  // namespace spoolmq::cli

#pragma once
// The commands that look: none takes a lease, none changes anything. One run function per row of
// the table in look_commands.cc.

#include "cli/command.h"

namespace spoolmq::cli {

// Of many messages (look_list.cc).
int run_list(Context& context, const Arguments& arguments);
int run_peek(Context& context, const Arguments& arguments);
int run_search(Context& context, const Arguments& arguments);

// Of one message (look_message.cc).
int run_cat(Context& context, const Arguments& arguments);
int run_info(Context& context, const Arguments& arguments);
int run_why(Context& context, const Arguments& arguments);
int run_trace(Context& context, const Arguments& arguments);

// Of messages as they are sent (look_tail.cc).
int run_tail(Context& context, const Arguments& arguments);

// Of queues (look_queue.cc).
int run_stats(Context& context, const Arguments& arguments);
int run_consumers(Context& context, const Arguments& arguments);

}  // namespace spoolmq::cli

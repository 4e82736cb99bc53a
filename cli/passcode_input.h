#pragma once
// A passcode, from whoever types it or from stdin. It stands nowhere but in the Secret.

#include "adapters/secret.h"

namespace spoolmq::cli {

// The process leaves no core behind and lets nobody trace it from now on (prctl(2)
// PR_SET_DUMPABLE).
void hide_memory();

// Asks on the terminal, /dev/tty, twice and without echo; whatever ends it, the terminal is as it
// was. Throws Error(kUsage) where there is none, both differ, or it is no passcode.
adapters::Secret ask_passcode(const std::string& name);

// The first line of stdin, without its end. Throws Error(kUsage) where it is no passcode.
adapters::Secret read_passcode();

}  // namespace spoolmq::cli

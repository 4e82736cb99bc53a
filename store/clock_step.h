#pragma once
// What stands in the index by the wall clock must not last longer because that was set back
// (FORMAT.md section 8.1).

#include "spoolmq/settings.h"
#include "store/index.h"
#include "store/layout.h"

namespace spoolmq {

// In a transaction: compares the clocks with what `header` says of them, writes it anew there, and
// where the wall clock was set back shortens delays, times to live and windows. How far it was set
// back, in ms; 0: it was not.
std::int64_t notice_clock_step(Index& index, const Now& now, const Settings& settings,
                               layout::LockHeader& header);

}  // namespace spoolmq

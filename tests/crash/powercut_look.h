#pragma once
// What the next process finds: everything that is in the queues of a root goes to the ledger.

#include "tests/crash/powercut_phase.h"

namespace powercut {

// Looks for damage, drains every queue, and uses a new one. Throws what the library throws.
void look_at(Phase& phase, const std::string& root);

}  // namespace powercut

#pragma once
// The proof of the rig: what is broken on purpose must be found, else the rig is itself broken.

#include <string>
#include <vector>

#include "tests/crash/powercut_rig.h"

namespace powercut {

// Tells of each sabotage whether it was found; true if all were.
bool find_sabotage(Rig& rig, const std::string& workload,
                   const std::vector<const FileSystem*>& kinds);

}  // namespace powercut

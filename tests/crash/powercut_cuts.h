#pragma once
// The power cuts themselves: which workloads, on which file systems, at which of their calls.

#include <vector>

#include "tests/crash/powercut_rig.h"

namespace powercut {

// After every call of one workload, told likewise. With `again` before every call, and what runs on
// the remains is cut after that call of its own.
bool cut_everywhere(Rig& rig, const FileSystem& kind, const std::string& scenario, long again);

// $SPOOLMQ_CUTS of them (320), spread evenly over all places; $SPOOLMQ_SEED (1) says where each row
// of places begins and which workload goes to which file system. From 2,000 cuts on every workload
// runs on each of `kinds`. Tells what was lost and how many were made; true if nothing was.
bool cut_all(Rig& rig, const std::vector<const FileSystem*>& kinds);

}  // namespace powercut

#pragma once
// What is done to an image: a row per name. `prepare` is never cut, `run` is; `recover` is what the
// next process does first, with nothing cut, beside opening the queues.

#include <functional>
#include <map>
#include <string>

#include "tests/crash/powercut_phase.h"

namespace powercut {

struct Scenario {
  std::function<void(Phase&)> prepare;
  std::function<void(Phase&)> run;
  std::function<void(Phase&)> recover = {};
};
using Scenarios = std::map<std::string, Scenario>;

Scenarios store_scenarios();    // by the library, in one process or two
Scenarios crowd_scenarios();    // several threads that share syncs; several processes at once
Scenarios program_scenarios();  // by the program spoolmq, between directories and queues

// What several of them begin with: a segment of 21 messages.
void fill_segment(Phase& phase);

// Starts this program once more, for `run` of another scenario; throws where that fails.
pid_t start_another(const Phase& phase, const std::string& scenario, int number);
// Its exit code; 128 + the signal that ended it.
int wait_for(pid_t child);
// A program by its path; what it says is heard with $POWERCUT_LOG only.
pid_t start(std::vector<std::string> command);

}  // namespace powercut

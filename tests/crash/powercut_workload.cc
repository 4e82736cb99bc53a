// The process whose power is cut, and the one that looks afterwards what is there.
//   powercut_workload prepare|run|verify SCENARIO MOUNT LEDGER FIRST_KEY
// `prepare` runs without cuts, `run` under the shim, `verify` under the shim with another boot id.
// What was confirmed goes to the ledger right after the call that confirmed it has returned.
#include <cstdlib>
#include <exception>
#include <string>

#include "core/log.h"
#include "tests/crash/powercut_look.h"
#include "tests/crash/powercut_scenarios.h"

namespace {

constexpr int kUsage = 64;

powercut::Scenarios all_scenarios() {
  powercut::Scenarios all = powercut::store_scenarios();
  all.merge(powercut::crowd_scenarios());
  all.merge(powercut::program_scenarios());
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return kUsage;
  const std::string what = argv[1];
  powercut::Phase phase(argv[3], argv[4], std::atoi(argv[5]));
  const powercut::Scenarios scenarios = all_scenarios();
  const auto found = scenarios.find(argv[2]);
  if (found == scenarios.end()) return kUsage;
  const powercut::Scenario& scenario = found->second;
  using spoolmq::log::Level;
  spoolmq::log::set_level(std::getenv("POWERCUT_LOG") != nullptr ? Level::kInfo : Level::kOff);
  try {
    if (what == "prepare") scenario.prepare(phase);
    if (what == "run") scenario.run(phase);
    if (what == "verify") {
      if (scenario.recover) scenario.recover(phase);
      powercut::look_at(phase, phase.root());
    }
    return 0;
  } catch (const std::exception& error) {
    phase.say("fault", what + ": " + error.what());
    return 1;
  }
}

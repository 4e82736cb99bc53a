#pragma once
// Runs a scenario, cut at one operation after the other, and checks what every kind of end leaves:
// kill -9, and power cuts with unsynced names lost or kept and unsynced bytes lost, kept or torn.

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "tests/store/crash_check.h"

namespace spoolmq::test {

struct Scenario {
  std::string_view name;
  WorldOptions options = {};
  std::function<void(World&)> prepare = {};      // never cut
  std::function<void(World&)> act;               // cut at every operation
  std::function<void(World&)> again = {};        // what the next process does first
  std::function<Violations(World&)> judge = {};  // instead of check(), for what spans queues
};

struct Effort {
  std::uint64_t stride = 1;         // every so many operations of the act
  std::uint64_t nested_stride = 0;  // cut the recovery too, after every so many cuts; 0: never
  std::uint64_t recovery_stride = 1;
  std::uint64_t rebuild_stride = 0;  // also delete the index, after every so many cuts
};

struct CutReport {
  std::uint64_t cuts = 0;  // ends that were checked
  Violations violations;   // with the place of the cut
};

using Filter = std::function<Verdict(const Operation&)>;

// `sabotage`, when given, is in force while the scenario acts, and in the recovery.
CutReport run_cuts(const Scenario& scenario, const Effort& effort, const Filter& sabotage = {});

// What the file system answers instead of doing it.
struct Refusal {
  enum class Of : std::uint8_t { kOperation, kLook };  // what changes something, or nothing
  int error_number = 0;
  Of of = Of::kOperation;
  Repeat repeat = Repeat::kOnce;
};

// As run_cuts, but the n-th call is refused, and all that follow where the refusal is for good;
// then the file system is well again, and `again` is tried by the same process, which lives on
// until the power fails or it is killed. n is `first`, `first` + `stride`, … Errors must say what,
// where and why, by a code that fits the refusal.
CutReport run_refusals(const Scenario& scenario, const Refusal& refusal, std::uint64_t stride,
                       std::uint64_t first = 1);

// Both fail the running test at every violation. Each refusal begins at another call, so that a
// stride leaves none out for all of them.
void expect_no_violation(const Scenario& scenario, const Effort& effort);
void expect_no_violation_when_refused(const Scenario& scenario, std::span<const Refusal> refusals,
                                      std::uint64_t stride);

}  // namespace spoolmq::test

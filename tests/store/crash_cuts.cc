#include "tests/store/crash_cuts.h"

#include <gtest/gtest.h>

#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

namespace spoolmq::test {
namespace {

constexpr std::size_t kEnoughViolations = 12;
constexpr std::size_t kEnoughOfASabotage = 1;
constexpr std::uint64_t kMostOperations = 5000;

enum class End : std::uint8_t { kKill, kPowerCut };
struct Way {
  End end;
  Names names;
  Bytes bytes;
  const char* text;
};
constexpr Way kWays[] = {
    {End::kKill, Names::kKept, Bytes::kKept, "kill"},
    {End::kPowerCut, Names::kLost, Bytes::kLost, "power cut, names lost, bytes lost"},
    {End::kPowerCut, Names::kLost, Bytes::kKept, "power cut, names lost, bytes kept"},
    {End::kPowerCut, Names::kLost, Bytes::kTorn, "power cut, names lost, bytes torn"},
    {End::kPowerCut, Names::kKept, Bytes::kLost, "power cut, names kept, bytes lost"},
    {End::kPowerCut, Names::kKept, Bytes::kKept, "power cut, names kept, bytes kept"},
    {End::kPowerCut, Names::kKept, Bytes::kTorn, "power cut, names kept, bytes torn"},
};

// What the next process finds after `world` ended in this way.
std::unique_ptr<World> successor(World& world, const Way& way, std::uint64_t seed) {
  auto disk = way.end == End::kKill ? world.disk().after_kill()
                                    : world.disk().after_power_cut(way.names, way.bytes, seed);
  WorldOptions options = world.options();
  TurnableClock clock = world.clock();
  Ledger ledger = world.ledger();
  if (way.end == End::kPowerCut) {
    clock.reboot();
    options.power_was_cut = true;
    for (auto& [body, account] : ledger) {
      if (!account.survives_power_cut) account.may.emplace(kAbsent);
    }
  } else {
    clock.advance(10);
  }
  return std::make_unique<World>(std::move(disk), clock, std::move(ledger), options);
}

// True if it ended before the power did.
bool attempt(World& world, const std::function<void(World&)>& act) {
  try {
    act(world);
    world.disk().throw_if_cut();
    return true;
  } catch (const PowerCut&) {
  } catch (const Error&) {
    if (!world.disk().is_cut()) throw;
  }
  return false;
}

std::string place_of(const Refusal& refusal, std::uint64_t n) {
  return (refusal.of == Refusal::Of::kLook ? "look " : "operation ") + std::to_string(n) +
         " refused" + (refusal.repeat == Repeat::kForever ? " for good" : "") + " (" +
         std::generic_category().message(refusal.error_number) + ")";
}

std::string first_refused(const MemoryFileSystem& disk) {
  for (const std::string& line : disk.trace()) {
    if (line.starts_with("failed ")) return ", " + line.substr(line.find(' ') + 1);
  }
  return {};
}

// DESIGN.md section 5. What is in doubt is kIo, whatever was refused; a lease that went with the
// index is lost; the place to be locked is held by nobody but ourselves.
std::string wrong_with(const Error& error, const Refusal& refusal) {
  const ErrorCode fits = Error::from_errno(refusal.error_number, "", "").code();
  const ErrorCode code = error.code();
  if (code != fits && code != ErrorCode::kIo && code != ErrorCode::kLeaseLost) {
    return "told as " + std::to_string(static_cast<int>(code));
  }
  if (error.operation().empty() || error.subject().empty() || error.why().empty()) {
    return "not all of what, where and why";
  }
  return {};
}

class Runner {
 public:
  Runner(const Scenario& scenario, const Effort& effort, const Filter& sabotage)
      : scenario_(scenario), effort_(effort), sabotage_(sabotage) {}

  CutReport run() {
    for (std::uint64_t n = 1; n < kMostOperations; n += effort_.stride, ++round_) {
      World world(scenario_.options);
      if (scenario_.prepare) scenario_.prepare(world);
      world.disk().set_filter(sabotage_);
      world.disk().cut_at(n);
      const bool ended = attempt(world, scenario_.act);
      const std::string where = ended ? "after the end" : "operation " + std::to_string(n);
      for (const Way& way : kWays) {
        judge(*successor(world, way, n), where + ", " + way.text);
        if (report_.violations.size() >= enough_) return std::move(report_);
      }
      if (due(effort_.nested_stride, round_)) {
        // Every other time a kill, else one kind of power cut after the other.
        const std::uint64_t turn = round_ / effort_.nested_stride;
        const Way& way = kWays[turn % 2 == 0 ? 0 : 1 + turn / 2 % (std::size(kWays) - 1)];
        nest(world, way, n, where + ", " + way.text);
      }
      if (ended) break;
    }
    return std::move(report_);
  }

  CutReport run_refused(const Refusal& refusal, std::uint64_t first) {
    for (std::uint64_t n = first; n < kMostOperations; n += effort_.stride, ++round_) {
      World world(scenario_.options);
      if (scenario_.prepare) scenario_.prepare(world);
      std::string where = place_of(refusal, n);
      const bool of_look = refusal.of == Refusal::Of::kLook;
      const auto count = [&] { return of_look ? world.disk().looks() : world.disk().operations(); };
      const std::uint64_t before = count();
      if (of_look) {
        world.disk().fail_look_at(n, refusal.error_number, refusal.repeat);
      } else {
        world.disk().fail_at(n, refusal.error_number, refusal.repeat);
      }
      refused(world, scenario_.act, refusal, where);
      where += first_refused(world.disk());
      // Whatever comes now, the same handles go on.
      world.disk().stop_failing();
      const bool was_refused = count() >= before + n;
      if (scenario_.again) refused(world, scenario_.again, refusal, where + ", again");
      if (!was_refused) break;
      for (const Way& way : kWays) {
        // What was not changed cannot be lost in many ways.
        if (of_look && way.end == End::kPowerCut && way.bytes != Bytes::kTorn) continue;
        judge(*successor(world, way, n), where + ", " + way.text, Again::kDone);
        if (report_.violations.size() >= enough_) return std::move(report_);
      }
    }
    return std::move(report_);
  }

 private:
  enum class Again : std::uint8_t { kDue, kDone };

  // Refused, or of unknown outcome: the account allows for both.
  void refused(World& world, const std::function<void(World&)>& act, const Refusal& refusal,
               const std::string& where) {
    const std::uint64_t generation = world.index_generation();
    try {
      act(world);
    } catch (const Error& error) {
      world.forgive_acks();
      if (const std::string wrong = wrong_with(error, refusal); !wrong.empty()) {
        report_.violations.push_back(where + ": " + wrong + ": '" + error.what() + "'");
      }
    }
    if (world.index_generation() != generation) world.forgive_acks();
  }

  static bool due(std::uint64_t stride, std::uint64_t round) {
    return stride != 0 && round % stride == 0;
  }

  // The recovery after the cut is cut as well, at one operation after the other.
  void nest(World& world, const Way& way, std::uint64_t seed, const std::string& place) {
    for (std::uint64_t m = 1; m < kMostOperations; m += effort_.recovery_stride) {
      const std::unique_ptr<World> next = successor(world, way, seed);
      next->disk().set_filter(sabotage_);
      next->disk().cut_at(m);
      if (attempt(*next, recover)) break;
      for (const Way& second : {kWays[0], kWays[1 + m % (std::size(kWays) - 1)]}) {
        judge(*successor(*next, second, m),
              place + ", then recovery's operation " + std::to_string(m) + ", " + second.text);
        if (report_.violations.size() >= enough_) return;
      }
    }
  }

  void judge(World& next, const std::string& place, Again again = Again::kDue) {
    ++report_.cuts;
    const bool rebuild = due(effort_.rebuild_stride, round_);
    if (sabotage_) next.disk().set_filter(sabotage_);
    Violations found;
    if (scenario_.again && again == Again::kDue) {
      try {
        scenario_.again(next);
      } catch (const Error& error) {
        found.push_back(std::string("the second attempt was refused: ") + error.what());
      }
    }
    const Violations judged =
        scenario_.judge ? scenario_.judge(next)
                        : check(next, rebuild ? Thoroughness::kRebuildToo : Thoroughness::kNormal);
    found.insert(found.end(), judged.begin(), judged.end());
    for (const std::string& one : found) report_.violations.push_back(place + ": " + one);
  }

  const Scenario& scenario_;
  const Effort& effort_;
  const Filter sabotage_;
  const std::size_t enough_ = sabotage_ ? kEnoughOfASabotage : kEnoughViolations;
  std::uint64_t round_ = 0;
  CutReport report_;
};

}  // namespace

CutReport run_cuts(const Scenario& scenario, const Effort& effort, const Filter& sabotage) {
  return Runner(scenario, effort, sabotage).run();
}

CutReport run_refusals(const Scenario& scenario, const Refusal& refusal, std::uint64_t stride,
                       std::uint64_t first) {
  const Effort effort{.stride = stride, .rebuild_stride = 2};
  return Runner(scenario, effort, {}).run_refused(refusal, first);
}

namespace {

void expect_none(const Scenario& scenario, const CutReport& report) {
  EXPECT_GT(report.cuts, std::size(kWays)) << scenario.name << ": nothing was cut";
  for (const std::string& one : report.violations) ADD_FAILURE() << scenario.name << ": " << one;
  ::testing::Test::RecordProperty("cuts", static_cast<int>(report.cuts));
}

}  // namespace

void expect_no_violation(const Scenario& scenario, const Effort& effort) {
  expect_none(scenario, run_cuts(scenario, effort));
}

void expect_no_violation_when_refused(const Scenario& scenario, std::span<const Refusal> refusals,
                                      std::uint64_t stride) {
  CutReport all;
  std::uint64_t turn = 0;
  for (const Refusal& refusal : refusals) {
    const CutReport one = run_refusals(scenario, refusal, stride, 1 + turn++ % stride);
    all.cuts += one.cuts;
    all.violations.insert(all.violations.end(), one.violations.begin(), one.violations.end());
  }
  expect_none(scenario, all);
}

}  // namespace spoolmq::test

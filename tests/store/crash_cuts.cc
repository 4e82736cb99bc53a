#include "tests/store/crash_cuts.h"

#include <iterator>
#include <memory>
#include <utility>

namespace spoolmq::test {
namespace {

constexpr std::size_t kEnoughViolations = 12;
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
  TurnableClock clock = world.clock();
  Ledger ledger = world.ledger();
  if (way.end == End::kPowerCut) {
    clock.reboot();
    for (auto& [body, account] : ledger) {
      if (!account.survives_power_cut) account.may.emplace(kAbsent);
    }
  } else {
    clock.advance(10);
  }
  return std::make_unique<World>(std::move(disk), clock, std::move(ledger), world.options());
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
        end_in(world, way, n, where);
        if (report_.violations.size() >= kEnoughViolations) return std::move(report_);
      }
      if (ended) break;
    }
    return std::move(report_);
  }

 private:
  static bool due(std::uint64_t stride, std::uint64_t round) {
    return stride != 0 && round % stride == 0;
  }

  void end_in(World& world, const Way& way, std::uint64_t seed, const std::string& where) {
    const std::string place = where + ", " + way.text;
    judge(*successor(world, way, seed), place);
    if (!due(effort_.nested_stride, round_)) return;
    for (std::uint64_t m = 1; m < kMostOperations; m += effort_.recovery_stride) {
      const std::unique_ptr<World> next = successor(world, way, seed);
      next->disk().set_filter(sabotage_);
      next->disk().cut_at(m);
      const bool ended = attempt(*next, [](World& recovering) {
        for (const char* name : {"q", "other"}) {
          recovering.queue(name).stats();
          ReceiveOptions none;
          none.from = "nobody";  // looks for dead handles, takes nothing
          static_cast<void>(recovering.queue(name).receive(none));
        }
      });
      if (ended) break;
      for (const Way& second : {kWays[0], kWays[1 + m % (std::size(kWays) - 1)]}) {
        judge(*successor(*next, second, m),
              place + ", then recovery's operation " + std::to_string(m) + ", " + second.text);
      }
    }
  }

  void judge(World& next, const std::string& place) {
    ++report_.cuts;
    const bool rebuild = due(effort_.rebuild_stride, round_);
    if (sabotage_) next.disk().set_filter(sabotage_);
    Violations found;
    if (scenario_.again) {
      try {
        scenario_.again(next);
      } catch (const Error& error) {
        found.push_back(std::string("the second attempt was refused: ") + error.what());
      }
    }
    for (const std::string& one :
         check(next, rebuild ? Thoroughness::kRebuildToo : Thoroughness::kNormal)) {
      found.push_back(one);
    }
    for (const std::string& one : found) report_.violations.push_back(place + ": " + one);
  }

  const Scenario& scenario_;
  const Effort& effort_;
  const Filter& sabotage_;
  std::uint64_t round_ = 0;
  CutReport report_;
};

}  // namespace

CutReport run_cuts(const Scenario& scenario, const Effort& effort, const Filter& sabotage) {
  return Runner(scenario, effort, sabotage).run();
}

}  // namespace spoolmq::test

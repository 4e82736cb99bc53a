#include "tests/crash/powercut_cuts.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

namespace powercut {
namespace {

constexpr std::size_t kDefaultCuts = 320;
constexpr std::size_t kEverywhere = 2000;  // from so many cuts on, all on every file system
constexpr std::size_t kFewestPerCourse = 4;
constexpr std::size_t kMostFailuresTold = 10;

// A workload, and what runs on the remains of its cut and is then cut itself, and so on.
struct Chain {
  std::string scenario;
  std::vector<std::string> then;
};

const std::vector<Chain>& chains() {
  static const std::vector<Chain> all = {
      {"create", {"create"}},
      {"send-own-file", {}},
      {"send-append", {"reopen", "reopen"}},
      {"send-xml", {}},
      {"send-large", {"reopen"}},
      {"send-group", {"reopen"}},
      {"send-group-xml", {}},
      {"ack-own-file", {"reopen"}},
      {"ack-xml", {}},
      {"ack-segment", {"reopen", "reopen"}},
      {"checkpoint", {}},
      {"fix", {"reopen"}},
      {"os", {"reopen"}},
      {"move", {"move", "move"}},
      {"rebuild", {"reopen"}},
      {"service", {"reopen"}},
      {"take", {}},
      {"two", {}},
      {"crowd", {"crowd"}},
      {"import", {"import", "import"}},
      {"import-done", {"import-done"}},
      {"import-split", {"import-split"}},
      {"export", {"export", "export"}},
      {"relay", {"relay", "relay"}},
      {"serve", {"serve"}},
  };
  return all;
}

struct Course {
  std::string name;
  std::string scenario;
  std::unique_ptr<Base> base;
  std::vector<Cut> telling;  // around calls that differ from the one before: writes come in rows
  std::vector<Cut> others;
  std::size_t made = 0;
  std::size_t reached = 0;

  void plan(const std::vector<std::string>& calls) {
    if (calls.empty()) throw std::runtime_error(name + ": the shim has seen no call of it");
    for (std::size_t i = 0; i < calls.size(); ++i) {
      std::vector<Cut>& list = i == 0 || calls[i] != calls[i - 1] ? telling : others;
      const auto at = static_cast<long>(i) + 1;
      list.push_back({at, true});
      list.push_back({at, false});
      others.push_back({at, false, true});
    }
  }
};

struct Tally {
  std::size_t cuts = 0;
  std::size_t places = 0;
  std::size_t confirmed = 0;
  std::size_t lost = 0;
  std::size_t torn = 0;
  std::size_t wrong = 0;
  std::size_t courses = 0;
};

std::size_t from_environment(const char* name, std::size_t otherwise) {
  const char* const text = std::getenv(name);
  const long number = text != nullptr ? std::atol(text) : 0;
  return number > 0 ? static_cast<std::size_t>(number) : otherwise;
}

class Cutter {
 public:
  Cutter(Rig& rig, std::size_t kinds)
      : rig_(rig),
        kinds_(kinds),
        wanted_(from_environment("SPOOLMQ_CUTS", kDefaultCuts)),
        seed_(from_environment("SPOOLMQ_SEED", 1)),
        random_(seed_) {}

  // `number` of the kinds that there are.
  void cut_on(const FileSystem& kind, std::size_t number) {
    std::vector<Course> all;
    const std::size_t before = tally_.cuts;
    for (std::size_t i = 0; i < chains().size(); ++i) {
      const bool is_due = wanted_ >= kEverywhere || (i + seed_) % kinds_ == number;
      if (is_due) add_courses(kind, chains()[i], all);
    }
    std::size_t telling = 0;
    std::size_t others = 0;
    for (const Course& one : all) {
      telling += one.telling.size();
      others += one.others.size();
    }
    tally_.places += telling + others;
    tally_.courses += all.size();
    const std::size_t due = wanted_ * (number + 1) / kinds_;
    do {
      const std::size_t left = due > tally_.cuts ? due - tally_.cuts : 0;
      const std::size_t more = left > telling ? left - telling : 0;
      for (Course& one : all) {
        const std::size_t share = std::max(kFewestPerCourse, left * one.telling.size() / telling);
        make_cuts(one, one.telling, std::min(one.telling.size(), share));
        make_cuts(one, one.others, std::min(one.others.size(), more * one.others.size() / others));
      }
    } while (tally_.cuts + telling + others <= due);
    for (const Course& one : all) {
      if (one.reached > 0) continue;
      ++tally_.wrong;
      std::printf("%s: none of its %zu cuts was reached\n", one.name.c_str(), one.made);
    }
    std::printf("%s: %zu cuts in %zu courses\n", kind.name, tally_.cuts - before, all.size());
  }

  // Whoever has just named a file and lives on syncs the directory of a file system that is gone;
  // XFS answers 0 to that.
  void cut_after_links(const FileSystem& kind) {
    static const std::string kScenario = "send-xml";
    const auto base = rig_.prepare(kind, kScenario);
    const std::vector<std::string> calls = rig_.cut(*base, kScenario, {}).calls;
    std::size_t links = 0;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (!calls[i].starts_with("linkat ")) continue;
      ++links;
      count(kScenario, rig_.cut(*base, kScenario, {static_cast<long>(i) + 1, false, true}));
    }
    if (links == 0) throw std::runtime_error(kScenario + " names no file");
  }

  bool tell() const {
    std::printf("%zu places to cut in %zu courses, %zu confirmations looked for\n", tally_.places,
                tally_.courses, tally_.confirmed);
    std::printf("%zu cuts, %zu lost, %zu torn\n", tally_.cuts, tally_.lost, tally_.torn);
    if (tally_.wrong > 0) {
      std::printf("%zu went wrong (SPOOLMQ_SEED=%zu SPOOLMQ_CUTS=%zu)\n", tally_.wrong, seed_,
                  wanted_);
    }
    return tally_.wrong == 0;
  }

 private:
  void add_courses(const FileSystem& kind, const Chain& chain, std::vector<Course>& all) {
    all.push_back(course(chain.scenario, chain.scenario, rig_.prepare(kind, chain.scenario)));
    for (const std::string& scenario : chain.then) {
      // On what a cut has left, somewhere on the second half of the way.
      const Course& first = all.back();
      const std::size_t half = first.telling.size() / 2;
      const Cut& cut = first.telling[half + random_() % (first.telling.size() - half)];
      auto base = rig_.after_cut(*first.base, first.scenario, cut);
      const std::string name = scenario + " after " + first.name + " [" + base->where + "]";
      all.push_back(course(name, scenario, std::move(base)));
    }
  }

  Course course(std::string name, const std::string& scenario, std::unique_ptr<Base> base) {
    Course made{std::move(name), scenario, std::move(base), {}, {}};
    // To its end without a cut: how many calls there are. What it confirmed must be there, too.
    const Outcome uncut = rig_.cut(*made.base, scenario, {});
    count(made.name, uncut);
    made.plan(uncut.calls);
    return made;
  }

  // `share` of them, spread evenly; every other one with something that reaches the disk before it
  // is synced, or with processes that linger.
  void make_cuts(Course& course, const std::vector<Cut>& cuts, std::size_t share) {
    static const char* const kEager[] = {"-wal",   "/lock",    "names", "/msgs/",
                                         "index.", "/handles", "bytes"};
    const std::size_t shift = random_() % 1000;
    for (std::size_t i = 0; i < share; ++i) {
      Cut cut = cuts[(1000 * i + shift) * cuts.size() / (1000 * share)];
      const std::size_t turn = tally_.cuts / 2 % (std::size(kEager) + 1);
      if (tally_.cuts % 2 != 0 && turn == std::size(kEager)) {
        cut.linger = true;
      } else if (tally_.cuts % 2 != 0) {
        cut.eager = kEager[turn];
      }
      const Outcome outcome = rig_.cut(*course.base, course.scenario, cut);
      ++course.made;
      if (outcome.where.starts_with("cut before ") || outcome.where.starts_with("cut after ")) {
        ++course.reached;
      }
      count(course.name, outcome);
    }
  }

  void count(const std::string& name, const Outcome& outcome) {
    const Verdict& verdict = outcome.verdict;
    ++tally_.cuts;
    tally_.confirmed += verdict.confirmed;
    tally_.lost += verdict.lost.size();
    tally_.torn += verdict.torn.size();
    if (verdict.is_good() && !outcome.dull) return;
    if (++tally_.wrong > kMostFailuresTold) return;
    std::printf(
        "%s, %s: %s\n", name.c_str(), outcome.where.c_str(),
        outcome.dull ? "the cut cut nothing: unsynced bytes survived" : verdict.text().c_str());
  }

  Rig& rig_;
  const std::size_t kinds_;
  const std::size_t wanted_;
  const std::size_t seed_;
  std::mt19937_64 random_;
  Tally tally_;
};

}  // namespace

bool cut_everywhere(Rig& rig, const FileSystem& kind, const std::string& scenario, long again) {
  const auto base = rig.prepare(kind, scenario);
  const auto calls = static_cast<long>(rig.cut(*base, scenario, {}).calls.size());
  long wrong = 0;
  for (long at = 1; at <= calls; ++at) {
    std::unique_ptr<Base> left;
    if (again > 0) left = rig.after_cut(*base, scenario, {at, true});
    const Outcome outcome = rig.cut(again > 0 ? *left : *base, scenario, {again > 0 ? again : at});
    if (outcome.verdict.is_good() && !outcome.dull) continue;
    ++wrong;
    std::printf("%s%s: %s\n", left ? (left->where + ", then ").c_str() : "", outcome.where.c_str(),
                outcome.verdict.text().c_str());
  }
  std::printf("%ld cuts of %s on %s, %ld went wrong\n", calls, scenario.c_str(), kind.name, wrong);
  return wrong == 0;
}

bool cut_all(Rig& rig, const std::vector<const FileSystem*>& kinds) {
  Cutter cutter(rig, kinds.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) cutter.cut_on(*kinds[i], i);
  for (const FileSystem* const kind : kinds) cutter.cut_after_links(*kind);
  return cutter.tell();
}

}  // namespace powercut

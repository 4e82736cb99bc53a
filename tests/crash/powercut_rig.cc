// Cuts the power at the calls of real programs and looks at what is there afterwards.
//   powercut_rig WORKLOAD SHIM cuts                            the cuts; $SPOOLMQ_CUTS: how many
//   powercut_rig WORKLOAD SHIM sabotage                        what must be found is found
//   powercut_rig WORKLOAD SHIM one SCENARIO AT before|after|linger [EAGER]  one cut, told at length
// Exit code 0: nothing lost; 1: something was, or the rig is dull; 77: it cannot run here.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/crash/powercut_image.h"
#include "tests/crash/powercut_ledger.h"
#include "tests/crash/powercut_shim.h"

#ifndef POWERCUT_PRELOAD_FIRST
#define POWERCUT_PRELOAD_FIRST ""
#endif

namespace powercut {
namespace {

namespace fs = std::filesystem;

constexpr int kSkipped = 77;
constexpr int kSignals = 128;
constexpr std::size_t kDefaultCuts = 250;
constexpr std::size_t kFewestPerScenario = 6;
constexpr std::size_t kMostFailuresTold = 10;
constexpr auto kLongestRun = std::chrono::seconds{60};

fs::path scratch(const std::string& name) { return fs::path(kScratch) / name; }

struct Cut {
  long at = 0;  // 0: when the process has ended
  bool before = false;
  bool linger = false;     // the process lives on, on a file system that answers with errors
  std::string eager = {};  // what reaches the disk unasked; see the shim for it and the next two
  std::string swallow = {};
  bool dull = false;
};

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// A file system as it was left, and what had been promised by then.
struct Base {
  explicit Base(const std::string& name) : image(name), ledger(scratch(name + ".ledger")) {}
  ~Base() { fs::remove(ledger); }
  Image image;
  fs::path ledger;
};

struct Outcome {
  std::string where;               // the call that was the last
  std::vector<std::string> calls;  // "function subject", each
  std::vector<std::string> told;   // by the process, to its ledger
  bool dull = false;               // unsynced bytes survived
  int fell = 0;                    // the signal that ended the process
  Verdict verdict;
};

class Rig {
 public:
  Rig(std::string workload, std::string shim)
      : workload_(std::move(workload)), shim_(std::move(shim)) {}

  std::unique_ptr<Base> prepare(const std::string& scenario) {
    auto base = std::make_unique<Base>("base" + std::to_string(++bases_));
    base->image.format();
    base->image.mount();
    if (run("prepare", scenario, base->ledger, {}) != 0)
      throw std::runtime_error("prepare " + scenario);
    base->image.unmount();
    return base;
  }

  // Another base: what the cut left of `base`, not yet mounted again.
  std::unique_ptr<Base> after_cut(const Base& base, const std::string& scenario, const Cut& cut) {
    auto next = std::make_unique<Base>("base" + std::to_string(++bases_));
    next->image.copy_from(base.image);
    fs::copy_file(base.ledger, next->ledger);
    run_and_cut(*next, scenario, cut);
    return next;
  }

  Outcome cut(const Base& base, const std::string& scenario, const Cut& cut) {
    Base now("now");
    now.image.copy_from(base.image);
    fs::copy_file(base.ledger, now.ledger);
    Outcome outcome = run_and_cut(now, scenario, cut);
    const fs::path found = scratch("found");
    fs::remove(found);
    now.image.mount();
    outcome.dull = now.image.has_canary();
    const int code = run("verify", scenario, found, {});
    now.image.unmount();
    const bool one_sender = scenario == "send-append" || scenario == "send-xml";
    outcome.verdict = judge(now.ledger, found, one_sender ? Order::kOfKeys : Order::kAny);
    if (outcome.fell != 0) {
      outcome.verdict.faults.push_back("ended by signal " + std::to_string(outcome.fell));
    }
    if (code != 0 && outcome.verdict.faults.empty()) {
      outcome.verdict.faults.push_back("the process that looks ended with " + std::to_string(code));
    }
    return outcome;
  }

 private:
  Outcome run_and_cut(Base& base, const std::string& scenario, const Cut& cut) {
    fs::remove(scratch("trace"));
    base.image.mount();
    const int code = run("run", scenario, base.ledger, cut);
    Outcome outcome;
    outcome.told = lines_of(base.ledger);
    for (const std::string& line : lines_of(scratch("trace"))) {
      if (line.starts_with("cut ")) {
        outcome.where = line;
      } else {
        outcome.calls.push_back(line.substr(line.find(' ') + 1));
      }
    }
    // Errors it may meet; they must not make it fall over.
    outcome.fell = code > kSignals ? code - kSignals : 0;
    if (outcome.where.empty()) {
      if (code != 0) {
        throw std::runtime_error(scenario + " ended with " + std::to_string(code) + ": " +
                                 (outcome.told.empty() ? "" : outcome.told.back()));
      }
      outcome.where = "cut when it had ended";
      base.image.leave_canary();
      if (!cut.dull) base.image.cut_power();
    }
    if (!cut.eager.empty()) outcome.where += " (" + cut.eager + " written out at once)";
    if (cut.linger) outcome.where += " (and lingering)";
    base.image.unmount();
    // What lives in memory only does not outlive the machine.
    for (const auto& entry : fs::directory_iterator(kScratch)) {
      if (entry.path().filename().string().starts_with("spoolmq-")) fs::remove_all(entry);
    }
    return outcome;
  }

  // A process of its own on a boot of its own; its exit code, or kSignals + the signal that ended
  // it.
  int run(const std::string& what, const std::string& scenario, const fs::path& ledger,
          const Cut& cut) {
    char boot_id[64];
    std::snprintf(boot_id, sizeof boot_id, "%08x-0000-4000-8000-000000000000", ++boots_);
    std::ofstream(scratch("boot_id")) << boot_id << "\n";
    const std::string root = std::string(kMount) + "/root";
    const std::string first_key = std::to_string(boots_ * 1000);
    const std::string preload =
        std::string(POWERCUT_PRELOAD_FIRST) + (*POWERCUT_PRELOAD_FIRST != '\0' ? ":" : "") + shim_;
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("fork");
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::setenv("LD_PRELOAD", preload.c_str(), 1);
      ::setenv("POWERCUT_MOUNT", kMount, 1);
      ::setenv("POWERCUT_BOOT_ID", scratch("boot_id").c_str(), 1);
      ::setenv("POWERCUT_AT", std::to_string(cut.at).c_str(), 1);
      ::setenv("POWERCUT_WHEN", cut.before ? "before" : "after", 1);
      ::setenv("POWERCUT_SWALLOW", cut.swallow.c_str(), 1);
      ::setenv("POWERCUT_EAGER", cut.eager.c_str(), 1);
      ::setenv("POWERCUT_LINGER", cut.linger ? "1" : "", 1);
      ::setenv("POWERCUT_DULL", cut.dull ? "1" : "", 1);
      if (what == "run") ::setenv("POWERCUT_TRACE", scratch("trace").c_str(), 1);
      ::execl(workload_.c_str(), workload_.c_str(), what.c_str(), scenario.c_str(), root.c_str(),
              ledger.c_str(), first_key.c_str(), nullptr);
      ::_exit(127);
    }
    const auto deadline = std::chrono::steady_clock::now() + kLongestRun;
    int status = 0;
    while (true) {
      const pid_t ended = ::waitpid(child, &status, WNOHANG);
      if (ended == child) break;
      if (std::chrono::steady_clock::now() > deadline) {
        ::kill(child, SIGKILL);
        ::waitpid(child, &status, 0);
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kSignals + WTERMSIG(status);
    if (code == kBadPlan || code == 127) throw std::runtime_error("the shim does not work here");
    return code;
  }

  const std::string workload_;
  const std::string shim_;
  unsigned boots_ = 0;
  unsigned bases_ = 0;
};

// ---- The cuts
// ---------------------------------------------------------------------------------------

struct Course {
  std::string name;
  std::string scenario;
  std::unique_ptr<Base> base;
  std::vector<Cut> telling;  // around calls that differ from the one before: writes come in rows
  std::vector<Cut> others;

  void plan(const std::vector<std::string>& calls) {
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
  std::size_t confirmed = 0;
  std::size_t lost = 0;
  std::size_t torn = 0;
  std::size_t wrong = 0;
};

void count(const std::string& name, const Outcome& outcome, Tally& tally) {
  const Verdict& verdict = outcome.verdict;
  ++tally.cuts;
  tally.confirmed += verdict.confirmed;
  tally.lost += verdict.lost.size();
  tally.torn += verdict.torn.size();
  if (verdict.is_good() && !outcome.dull) return;
  if (++tally.wrong > kMostFailuresTold) return;
  std::printf(
      "%s, %s: %s\n", name.c_str(), outcome.where.c_str(),
      outcome.dull ? "the cut cut nothing: unsynced bytes survived" : verdict.text().c_str());
}

std::size_t wanted_cuts() {
  const char* const text = std::getenv("SPOOLMQ_CUTS");
  const long number = text != nullptr ? std::atol(text) : 0;
  return number > 0 ? static_cast<std::size_t>(number) : kDefaultCuts;
}

std::vector<Course> courses(Rig& rig, Tally& tally) {
  std::vector<Course> all;
  const auto add = [&](const std::string& name, const std::string& scenario,
                       std::unique_ptr<Base> base) {
    // To its end without a cut: how many calls there are. What it confirmed must be there, too.
    const Outcome uncut = rig.cut(*base, scenario, {});
    count(name, uncut, tally);
    all.push_back({name, scenario, std::move(base), {}, {}});
    all.back().plan(uncut.calls);
  };
  for (const char* const scenario :
       {"create", "send-own-file", "send-append", "send-xml", "send-large", "ack-own-file",
        "ack-xml", "ack-segment", "checkpoint", "fix", "os", "move", "rebuild", "service", "take",
        "two"}) {
    add(scenario, scenario, rig.prepare(scenario));
  }
  // Recovery, itself cut: on what a cut left, at two thirds of the way.
  for (const char* const scenario :
       {"send-append", "ack-own-file", "ack-segment", "fix", "os", "service"}) {
    const auto first = std::find_if(all.begin(), all.end(),
                                    [&](const Course& one) { return one.scenario == scenario; });
    const Cut& cut = first->telling[first->telling.size() * 2 / 3];
    auto base = rig.after_cut(*first->base, scenario, cut);
    add(std::string("reopen after ") + scenario, "reopen", std::move(base));
  }
  return all;
}

// `share` of them, spread evenly; every other one with something that reaches the disk before it is
// synced, or with a process that lingers.
void make_cuts(Rig& rig, const Course& course, const std::vector<Cut>& cuts, std::size_t share,
               Tally& tally) {
  static const char* const kEager[] = {"-wal", "/lock", "names", "/msgs/", "index.", "/handles"};
  for (std::size_t i = 0; i < share; ++i) {
    Cut cut = cuts[(2 * i + 1) * cuts.size() / (2 * share)];
    const std::size_t turn = tally.cuts / 2 % (std::size(kEager) + 1);
    if (tally.cuts % 2 != 0 && turn == std::size(kEager)) {
      cut.linger = true;
    } else if (tally.cuts % 2 != 0) {
      cut.eager = kEager[turn];
    }
    count(course.name, rig.cut(*course.base, course.scenario, cut), tally);
  }
}

int cut_all(Rig& rig) {
  Tally tally;
  const auto all = courses(rig, tally);
  std::size_t telling = 0;
  std::size_t others = 0;
  for (const Course& one : all) {
    telling += one.telling.size();
    others += one.others.size();
  }
  const std::size_t wanted = wanted_cuts();
  do {
    const std::size_t left = wanted > tally.cuts ? wanted - tally.cuts : 0;
    const std::size_t more = left > telling ? left - telling : 0;
    for (const Course& one : all) {
      const std::size_t share = left * one.telling.size() / telling;
      make_cuts(rig, one, one.telling,
                std::min(one.telling.size(), std::max(kFewestPerScenario, share)), tally);
      make_cuts(rig, one, one.others,
                std::min(one.others.size(), more * one.others.size() / others), tally);
    }
  } while (tally.cuts + telling + others <= wanted);
  std::printf("%zu places to cut in %zu courses, %zu confirmations looked for\n", telling + others,
              all.size(), tally.confirmed);
  std::printf("%zu cuts, %zu lost, %zu torn\n", tally.cuts, tally.lost, tally.torn);
  if (tally.wrong > 0) std::printf("%zu cuts went wrong\n", tally.wrong);
  return tally.wrong == 0 ? 0 : 1;
}

// ---- Sabotage
// ---------------------------------------------------------------------------------------

// A rig that finds nothing where something is broken is itself broken.
int find_sabotage(Rig& rig) {
  struct Sabotage {
    const char* name;
    const char* swallow;
    const char* scenario;
    std::vector<std::string> Verdict::*damage;
  };
  const Sabotage sabotages[] = {
      {"no directory is synced", "directory", "send-own-file", &Verdict::lost},
      {"\"sent\" before the sync", "spool", "send-append", &Verdict::lost},
      {"\"acked\" before the log's sync", "log", "ack-own-file", &Verdict::repeated},
  };
  int missed = 0;
  for (const Sabotage& one : sabotages) {
    const auto base = rig.prepare(one.scenario);
    const auto calls = static_cast<long>(rig.cut(*base, one.scenario, {}).calls.size());
    std::size_t cuts = 0;
    std::string found;
    // From the middle on, where something has been promised; then from the start.
    for (long i = 0; i < calls && found.empty(); ++i, ++cuts) {
      const Cut cut{(i + calls / 2) % calls + 1, false, false, {}, one.swallow};
      const Outcome outcome = rig.cut(*base, one.scenario, cut);
      if (!(outcome.verdict.*one.damage).empty()) {
        found = outcome.where + ": " + outcome.verdict.text();
      }
    }
    std::printf("sabotage, %s: %s (%zu cuts)\n", one.name,
                found.empty() ? "NOT FOUND" : ("found, " + found).c_str(), cuts);
    if (found.empty()) ++missed;
  }
  const auto base = rig.prepare("send-append");
  const bool seen = rig.cut(*base, "send-append", {40, false, false, {}, {}, true}).dull;
  std::printf("a cut that cuts nothing: %s\n", seen ? "found" : "NOT FOUND");
  return missed == 0 && seen ? 0 : 1;
}

int one_cut(Rig& rig, const std::string& scenario, const Cut& cut) {
  const auto base = rig.prepare(scenario);
  const Outcome outcome = rig.cut(*base, scenario, cut);
  for (const std::string& line : lines_of(scratch("trace"))) std::printf("%s\n", line.c_str());
  for (const std::string& line : outcome.told) std::printf("%s\n", line.c_str());
  std::printf("%s\n", outcome.verdict.is_good() ? "good" : outcome.verdict.text().c_str());
  return outcome.verdict.is_good() ? 0 : 1;
}

int main_of(const std::vector<std::string>& words) {
  if (words.size() < 3) {
    std::fprintf(stderr,
                 "usage: powercut_rig WORKLOAD SHIM cuts|sabotage|one SCENARIO AT "
                 "before|after|linger [EAGER]\n");
    return 64;
  }
  if (const auto why = enter_private_namespace()) {
    const char* const ci = std::getenv("CI");
    const bool must = ci != nullptr && std::strcmp(ci, "true") == 0 && ::geteuid() == 0;
    std::printf("%s: power cuts cannot be made here: %s\n", must ? "FAILED" : "SKIPPED",
                why->c_str());
    return must ? 1 : kSkipped;
  }
  Rig rig(words[0], words[1]);
  if (words[2] == "cuts") return cut_all(rig);
  if (words[2] == "sabotage") return find_sabotage(rig);
  if (words[2] == "one" && words.size() >= 6) {
    return one_cut(rig, words[3],
                   {std::atol(words[4].c_str()), words[5] == "before", words[5] == "linger",
                    words.size() > 6 ? words[6] : ""});
  }
  return 64;
}

}  // namespace
}  // namespace powercut

int main(int argc, char** argv) {
  ::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    return powercut::main_of({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::printf("FAILED: %s\n", error.what());
    return 1;
  }
}

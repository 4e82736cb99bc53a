#include "tests/crash/powercut_rig.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "tests/crash/powercut_shim.h"

#ifndef POWERCUT_PRELOAD_FIRST
#define POWERCUT_PRELOAD_FIRST ""
#endif

namespace powercut {
namespace {

namespace fs = std::filesystem;

constexpr int kSignals = 128;
constexpr unsigned kKeysPerBoot = 10'000;
constexpr auto kLongestRun = std::chrono::seconds{180};
constexpr auto kPause = std::chrono::milliseconds{1};

}  // namespace

fs::path scratch(const std::string& name) { return fs::path(kScratch) / name; }

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

Base::Base(const FileSystem& kind, const std::string& name)
    : image(kind, name), ledger(scratch(name + ".ledger")) {}

Base::~Base() { fs::remove(ledger); }

Rig::Rig(std::string workload, std::string shim)
    : workload_(std::move(workload)), shim_(std::move(shim)) {}

const Image& Rig::empty(const FileSystem& kind) {
  for (const auto& one : empty_) {
    if (&one->kind() == &kind) return *one;
  }
  auto fresh = std::make_unique<Image>(kind, "empty" + std::to_string(empty_.size()));
  fresh->format();
  return *empty_.emplace_back(std::move(fresh));
}

std::unique_ptr<Base> Rig::prepare(const FileSystem& kind, const std::string& scenario) {
  auto base = std::make_unique<Base>(kind, "base" + std::to_string(++bases_));
  base->image.copy_from(empty(kind));
  base->image.mount();
  if (run("prepare", scenario, base->ledger, {}).code != 0) {
    const auto told = lines_of(base->ledger);
    throw std::runtime_error("prepare " + scenario + ": " + (told.empty() ? "" : told.back()));
  }
  base->image.unmount();
  return base;
}

std::unique_ptr<Base> Rig::after_cut(const Base& base, const std::string& scenario,
                                     const Cut& cut) {
  auto next = std::make_unique<Base>(base.image.kind(), "base" + std::to_string(++bases_));
  next->image.copy_from(base.image);
  fs::copy_file(base.ledger, next->ledger);
  const Outcome outcome = run_and_cut(*next, scenario, cut);
  next->where = outcome.where;
  // One that somebody else's sync took along would pass for that of a later cut.
  if (outcome.is_canary_void) {
    next->image.mount();
    next->image.remove_canary();
    next->image.unmount();
  }
  return next;
}

Outcome Rig::cut(const Base& base, const std::string& scenario, const Cut& cut) {
  Base now(base.image.kind(), "now");
  now.image.copy_from(base.image);
  fs::copy_file(base.ledger, now.ledger);
  Outcome outcome = run_and_cut(now, scenario, cut);
  const fs::path found = scratch("found");
  fs::remove(found);
  now.image.mount();
  outcome.dull = now.image.has_canary() && !outcome.is_canary_void;
  const Ended looked = run("verify", scenario, found, {});
  now.image.unmount();
  const bool one_sender = scenario == "send-append" || scenario == "send-xml";
  outcome.verdict = judge(now.ledger, found, one_sender ? Order::kOfKeys : Order::kAny);
  if (outcome.fell != 0) {
    outcome.verdict.faults.push_back("ended by signal " + std::to_string(outcome.fell));
  }
  if (looked.code != 0 && outcome.verdict.faults.empty()) {
    outcome.verdict.faults.push_back("the process that looks ended with " +
                                     std::to_string(looked.code));
  }
  return outcome;
}

Outcome Rig::run_and_cut(Base& base, const std::string& scenario, const Cut& cut) {
  fs::remove(scratch("trace"));
  fs::remove(scratch("counter"));
  base.image.mount();
  const Ended ended = run("run", scenario, base.ledger, cut);
  Outcome outcome;
  outcome.told = lines_of(base.ledger);
  for (const std::string& line : lines_of(scratch("trace"))) {
    if (line.starts_with("cut ")) {
      outcome.where = line;
    } else if (line.starts_with("canary ")) {
      outcome.is_canary_void = true;
    } else {
      outcome.calls.push_back(line.substr(line.find(' ') + 1));
    }
  }
  const bool by_the_cut = !outcome.where.empty() && ended.code == kSignals + SIGKILL;
  // Errors it may meet; they must not make it fall over, or hang. Only a mapped page (of SQLite's
  // -shm) that is gone with its file system is told by no error.
  const bool by_a_page = cut.linger && ended.code == kSignals + SIGBUS;
  const bool fell = ended.code > kSignals && !by_the_cut && !by_a_page;
  outcome.fell = fell || ended.late ? ended.code - kSignals : 0;
  if (outcome.where.empty()) {
    if (ended.code != 0) {
      std::string why = scenario + " ended with " + std::to_string(ended.code);
      for (const std::string& line : outcome.told) {
        if (line.starts_with("fault")) why += "; " + line;
      }
      throw std::runtime_error(why);
    }
    outcome.where = "cut when it had ended";
    base.image.leave_canary();
    if (!cut.dull) base.image.cut_power();
  }
  outcome.where += std::string(" on ") + base.image.kind().name;
  if (!cut.eager.empty()) outcome.where += " (" + cut.eager + " written out at once)";
  if (cut.linger) outcome.where += " (and lingering)";
  base.image.unmount();
  // What lives in memory only does not outlive the machine.
  for (const auto& entry : fs::directory_iterator(kScratch)) {
    if (entry.path().filename().string().starts_with("spoolmq-")) fs::remove_all(entry);
  }
  return outcome;
}

Rig::Ended Rig::run(const std::string& what, const std::string& scenario, const fs::path& ledger,
                    const Cut& cut) {
  char boot_id[64];
  std::snprintf(boot_id, sizeof boot_id, "%08x-0000-4000-8000-000000000000", ++boots_);
  std::ofstream(scratch("boot_id")) << boot_id << "\n";
  const std::string first_key = std::to_string(boots_ * kKeysPerBoot);
  const std::string preload =
      std::string(POWERCUT_PRELOAD_FIRST) + (*POWERCUT_PRELOAD_FIRST != '\0' ? ":" : "") + shim_;
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setpgid(0, 0);
    ::setenv("LD_PRELOAD", preload.c_str(), 1);
    ::setenv("POWERCUT_MOUNT", kMount, 1);
    ::setenv("POWERCUT_BOOT_ID", scratch("boot_id").c_str(), 1);
    ::setenv("POWERCUT_AT", std::to_string(cut.at).c_str(), 1);
    ::setenv("POWERCUT_WHEN", cut.before ? "before" : "after", 1);
    ::setenv("POWERCUT_SWALLOW", cut.swallow.c_str(), 1);
    ::setenv("POWERCUT_EAGER", cut.eager.c_str(), 1);
    ::setenv("POWERCUT_LINGER", cut.linger ? "1" : "", 1);
    ::setenv("POWERCUT_DULL", cut.dull ? "1" : "", 1);
    if (what == "run") {
      ::setenv("POWERCUT_TRACE", scratch("trace").c_str(), 1);
      ::setenv("POWERCUT_COUNTER", scratch("counter").c_str(), 1);
    }
    ::execl(workload_.c_str(), workload_.c_str(), what.c_str(), scenario.c_str(), kMount,
            ledger.c_str(), first_key.c_str(), nullptr);
    ::_exit(127);
  }
  const auto deadline = std::chrono::steady_clock::now() + kLongestRun;
  Ended ended;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) != child) {
    if (std::chrono::steady_clock::now() > deadline) {
      ended.late = true;
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      break;
    }
    std::this_thread::sleep_for(kPause);
  }
  ::kill(-child, SIGKILL);  // whoever is left of its group
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : kSignals + WTERMSIG(status);
  if (ended.code == kBadPlan || ended.code == 127) {
    throw std::runtime_error("the shim does not work here");
  }
  return ended;
}

}  // namespace powercut

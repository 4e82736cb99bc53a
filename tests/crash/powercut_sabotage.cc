#include "tests/crash/powercut_sabotage.h"

#include <cstdio>

namespace powercut {
namespace {

struct Sabotage {
  const char* name;
  const char* swallow;
  const char* scenario;
  long begin_percent;  // of its calls, where enough has been promised; then on, and from the start
  std::vector<std::string> Verdict::*damage;
};

const Sabotage kSabotages[] = {
    {"no directory is synced", "directory:", "send-own-file", 80, &Verdict::lost},
    {"\"sent\" before the sync", "file:/msgs/", "send-append", 50, &Verdict::lost},
    {"\"acked\" before the log's sync", "file:-wal", "ack-own-file", 50, &Verdict::repeated},
};

// What the programs between directories and queues sync beyond that: on the first kind only.
const Sabotage kOfPrograms[] = {
    {"an import's identities are not synced", "file:imports.db", "import", 30, &Verdict::repeated},
    {"an exported file is not synced", "file:/out", "export", 60, &Verdict::torn},
    {"a relayed message is acked before it is durable", "file:other-root/queues/q/msgs", "relay",
     70, &Verdict::lost},
};

bool is_found(Rig& rig, const FileSystem& kind, const Sabotage& one) {
  const auto base = rig.prepare(kind, one.scenario);
  const auto calls = static_cast<long>(rig.cut(*base, one.scenario, {}).calls.size());
  std::string found;
  long cuts = 0;
  for (; cuts < calls && found.empty(); ++cuts) {
    const Cut cut{
        (cuts + calls * one.begin_percent / 100) % calls + 1, false, false, {}, one.swallow};
    const Outcome outcome = rig.cut(*base, one.scenario, cut);
    if (!(outcome.verdict.*one.damage).empty()) {
      found = outcome.where + ": " + outcome.verdict.text();
    }
  }
  std::printf("sabotage, %s: %s (%s, %ld cuts)\n", one.name,
              found.empty() ? "NOT FOUND" : ("found, " + found).c_str(), kind.name, cuts);
  return !found.empty();
}

bool told(const char* what, const FileSystem& kind, bool found) {
  std::printf("%s: %s (%s)\n", what, found ? "found" : "NOT FOUND", kind.name);
  return found;
}

}  // namespace

bool find_sabotage(Rig& rig, const std::string& workload,
                   const std::vector<const FileSystem*>& kinds) {
  bool all = true;
  for (const FileSystem* const kind : kinds) {
    for (const Sabotage& one : kSabotages) all = is_found(rig, *kind, one) && all;
    const auto base = rig.prepare(*kind, "send-append");
    const Outcome dull = rig.cut(*base, "send-append", {40, false, false, {}, {}, true});
    all = told("a cut that cuts nothing", *kind, dull.dull) && all;
    Rig blind(workload, "");
    const Outcome unseen = blind.cut(*base, "send-append", {40});
    all = told("a shim that is not there", *kind, unseen.calls.empty()) && all;
  }
  for (const Sabotage& one : kOfPrograms) all = is_found(rig, *kinds.front(), one) && all;
  return all;
}

}  // namespace powercut

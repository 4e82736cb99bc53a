// Cuts the power at the calls of real programs and looks at what is there afterwards.
//   powercut_rig WORKLOAD SHIM cuts        the cuts; $SPOOLMQ_CUTS: how many, $SPOOLMQ_SEED: which
//   powercut_rig WORKLOAD SHIM sabotage    what must be found is found
//   powercut_rig WORKLOAD SHIM every SCENARIO [FILE_SYSTEM [AGAIN]]
//                                          one at each of its calls
//   powercut_rig WORKLOAD SHIM one SCENARIO AT before|after|linger [EAGER [FILE_SYSTEM]]
//                                          one cut, told at length
// Exit code 0: nothing lost; 1: something was, or the rig is dull; 77: it cannot run here.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/crash/powercut_cuts.h"
#include "tests/crash/powercut_sabotage.h"

namespace powercut {
namespace {

constexpr int kSkipped = 77;
constexpr int kUsage = 64;

int skip(const std::string& why) {
  const char* const ci = std::getenv("CI");
  const bool must = ci != nullptr && std::strcmp(ci, "true") == 0 && ::geteuid() == 0;
  std::printf("%s: power cuts cannot be made here: %s\n", must ? "FAILED" : "SKIPPED", why.c_str());
  return must ? 1 : kSkipped;
}

std::vector<const FileSystem*> usable() {
  std::vector<const FileSystem*> kinds;
  for (const FileSystem& kind : file_systems()) {
    if (const auto why = why_unusable(kind)) {
      std::printf("SKIPPED: power cuts on %s: %s\n", kind.name, why->c_str());
    } else {
      kinds.push_back(&kind);
    }
  }
  return kinds;
}

int one_cut(Rig& rig, const std::vector<const FileSystem*>& kinds,
            const std::vector<std::string>& words) {
  const std::string& scenario = words[3];
  const Cut cut{std::atol(words[4].c_str()), words[5] == "before", words[5] == "linger",
                words.size() > 6 ? words[6] : ""};
  for (const FileSystem* const kind : kinds) {
    if (words.size() > 7 ? words[7] != kind->name : kind != kinds.front()) continue;
    const auto base = rig.prepare(*kind, scenario);
    const Outcome outcome = rig.cut(*base, scenario, cut);
    for (const std::string& line : lines_of(scratch("trace"))) std::printf("%s\n", line.c_str());
    for (const std::string& line : outcome.told) std::printf("%s\n", line.c_str());
    std::printf("%s\n", outcome.verdict.is_good() ? "good" : outcome.verdict.text().c_str());
    return outcome.verdict.is_good() ? 0 : 1;
  }
  return kUsage;
}

int every_cut(Rig& rig, const std::vector<const FileSystem*>& kinds,
              const std::vector<std::string>& words) {
  bool good = true;
  for (const FileSystem* const kind : kinds) {
    if (words.size() > 4 && words[4] != kind->name) continue;
    const long again = words.size() > 5 ? std::atol(words[5].c_str()) : 0;
    good = cut_everywhere(rig, *kind, words[3], again) && good;
  }
  return good ? 0 : 1;
}

int main_of(const std::vector<std::string>& words) {
  if (words.size() < 3) {
    std::fprintf(stderr,
                 "usage: powercut_rig WORKLOAD SHIM cuts|sabotage|every SCENARIO|one SCENARIO AT "
                 "before|after|linger [EAGER [FILE_SYSTEM]]\n");
    return kUsage;
  }
  if (const auto why = enter_private_namespace()) return skip(*why);
  const auto kinds = usable();
  if (kinds.empty()) return skip("no file system can be used");
  Rig rig(words[0], words[1]);
  if (words[2] == "cuts") return cut_all(rig, kinds) ? 0 : 1;
  if (words[2] == "sabotage") return find_sabotage(rig, words[0], kinds) ? 0 : 1;
  if (words[2] == "every" && words.size() >= 4) return every_cut(rig, kinds, words);
  if (words[2] == "one" && words.size() >= 6) return one_cut(rig, kinds, words);
  return kUsage;
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

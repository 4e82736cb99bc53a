// Runs each file of a corpus, and every shorter beginning of a small one, through its target:
//   fuzz_replay NAME DIRECTORY     fuzz_replay --list

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/fuzz/target.h"

namespace {

using spoolmq::fuzz::Target;

constexpr std::size_t kMostCut = 2048;  // bytes of an input whose beginnings are run, too

int replay(const Target& target, const char* directory) {
  std::size_t inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    const std::string bytes = content.str();
    try {
      target.run(bytes);
      if (target.beginning == Target::Beginning::kAnother && bytes.size() <= kMostCut) {
        for (std::size_t size = 0; size < bytes.size(); ++size) target.run(bytes.substr(0, size));
      }
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", entry.path().c_str(), error.what());
      return 1;
    }
    ++inputs;
  }
  std::printf("%s: %zu inputs\n", target.name.data(), inputs);
  return inputs > 0 ? 0 : 1;  // an empty corpus checks nothing
}

}  // namespace

int main(int count, char** words) {
  if (count == 2 && std::string_view(words[1]) == "--list") {
    for (const auto& target : spoolmq::fuzz::targets()) std::puts(target.name.data());
    return 0;
  }
  const auto* const target = count == 3 ? spoolmq::fuzz::find_target(words[1]) : nullptr;
  if (target == nullptr) {
    std::fprintf(stderr, "usage: fuzz_replay NAME DIRECTORY | --list\n");
    return 64;
  }
  return replay(*target, words[2]);
}

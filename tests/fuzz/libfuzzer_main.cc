// libFuzzer's side: one program for all targets; FUZZ_TARGET in the environment names one
// ("list": prints them).

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/fuzz/target.h"

namespace {

const spoolmq::fuzz::Target& chosen_target() {
  const char* const name = std::getenv("FUZZ_TARGET");
  const auto* const target = spoolmq::fuzz::find_target(name == nullptr ? "" : name);
  if (target == nullptr) {
    std::fprintf(stderr, "fuzz_parsers: FUZZ_TARGET names none of its targets\n");
    std::exit(64);
  }
  return *target;
}

}  // namespace

// Before any input: an exit while one is run is a defect to libFuzzer.
extern "C" int LLVMFuzzerInitialize(int* /*arguments*/, char*** /*values*/) {
  const char* const name = std::getenv("FUZZ_TARGET");
  if (name == nullptr || std::strcmp(name, "list") != 0) return 0;
  for (const auto& target : spoolmq::fuzz::targets()) std::puts(target.name.data());
  std::fflush(stdout);
  std::_Exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const spoolmq::fuzz::Target& target = chosen_target();
  target.run({reinterpret_cast<const char*>(bytes), size});
  return 0;
}

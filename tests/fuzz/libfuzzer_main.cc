// libFuzzer's side: one program for all targets; FUZZ_TARGET in the environment names one.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

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

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const spoolmq::fuzz::Target& target = chosen_target();
  target.run({reinterpret_cast<const char*>(bytes), size});
  return 0;
}

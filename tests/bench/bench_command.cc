#include "tests/bench/bench_command.h"

#include <cstdio>
#include <exception>
#include <stdexcept>

namespace spoolmq::bench {

std::optional<std::string_view> Words::next() {
  if (at_ + 1 >= count_) return std::nullopt;
  return words_[++at_];
}

std::string Words::value() {
  const std::string option = words_[at_];
  const auto value = next();
  if (!value) throw std::runtime_error(option + " needs a value");
  return std::string(*value);
}

void Words::refuse() const {
  throw std::runtime_error("unknown option " + std::string(words_[at_]));
}

int run_benchmark(std::string_view program, const std::function<void()>& run) {
  try {
    run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", std::string(program).c_str(), error.what());
    return 1;
  }
}

}  // namespace spoolmq::bench

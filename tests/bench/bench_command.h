#pragma once
// What the benchmarks' command lines have in common. Not thread-safe.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace spoolmq::bench {

// The words behind a program's name, one after the other. Throws std::runtime_error.
class Words {
 public:
  Words(int count, char** words) : count_(count), words_(words) {}
  // nullopt: that was the last.
  std::optional<std::string_view> next();
  // Of the option that next() gave last.
  std::string value();
  [[noreturn]] void refuse() const;  // it is unknown

 private:
  int count_;
  char** words_;
  int at_ = 0;
};

// What main returns: 0, or 1 and one line on stderr.
int run_benchmark(std::string_view program, const std::function<void()>& run);

}  // namespace spoolmq::bench

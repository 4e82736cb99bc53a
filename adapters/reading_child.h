#pragma once
// A program that reads our bytes from its standard input, in a process group of its own. What it
// prints goes where our own words go. Belongs to one thread.

#include <optional>
#include <string>
#include <vector>

#include "adapters/child.h"
#include "adapters/descriptor.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

class ReadingChild {
 public:
  // Throws Error where it cannot be started. take_input() is our end of the pipe.
  explicit ReadingChild(const std::vector<std::string>& words);
  ReadingChild(const ReadingChild&) = delete;
  ReadingChild& operator=(const ReadingChild&) = delete;
  // Its input having ended, it may take `patience` to end by itself; then TERM to its group, and
  // after another `patience` KILL.
  ~ReadingChild();

  Descriptor take_input() { return std::move(input_); }                  // does not block
  [[nodiscard]] int descriptor() const { return child_->descriptor(); }  // readable: it has ended
  // One that closed its input mostly ends at once.
  void wait_a_little() const { static_cast<void>(child_->ends_within(Milliseconds{100})); }
  // How it ended ("it exited with 3"); nullopt: it runs.
  std::optional<std::string> ended();

 private:
  Descriptor input_;
  std::optional<Child> child_;  // set by the constructor
  std::optional<CommandEnd> end_;
};

}  // namespace spoolmq::adapters

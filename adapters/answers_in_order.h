#pragma once
// The answers of a bridge that takes messages in, in the order of the messages: some are known at
// once (a frame that is refused), others when the queue has taken the message. Pure; belongs to one
// thread.

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/intake.h"

namespace spoolmq::adapters {

class AnswersInOrder {
 public:
  // A message went to the intake; its answer comes by told().
  void expect() { expected_.emplace_back(std::nullopt); }
  void refuse(std::string_view why) {
    expected_.emplace_back(std::string(why));
    take_known();
  }
  // Of the oldest that is expected.
  void told(const Intake::Taken& taken);

  // The lines that are to be written; wrote() says how much of them was.
  [[nodiscard]] std::string_view lines() const { return std::string_view(lines_).substr(written_); }
  void wrote(std::size_t bytes);
  [[nodiscard]] bool is_done() const { return expected_.empty() && lines().empty(); }
  void clear();

 private:
  void take_known();

  std::deque<std::optional<std::string>> expected_;  // why it is refused, where that is known
  std::string lines_;
  std::size_t written_ = 0;
};

}  // namespace spoolmq::adapters

#include "adapters/stomp_answers.h"

#include <utility>

namespace spoolmq::adapters {

std::uint64_t StompAnswers::expect(std::optional<std::string> receipt, std::size_t bytes) {
  waiting_.push_back({{std::move(receipt), std::nullopt, false}, bytes, false});
  bytes_ += bytes;
  return first_ + waiting_.size() - 1;
}

void StompAnswers::add(Answer answer) { waiting_.push_back({std::move(answer), 0, true}); }

void StompAnswers::settle(std::uint64_t number, std::optional<std::string> failure) {
  if (number < first_ || number - first_ >= waiting_.size()) return;
  Waiting& one = waiting_[number - first_];
  one.answer.failure = std::move(failure);
  one.is_known = true;
}

std::optional<StompAnswers::Answer> StompAnswers::next() {
  if (waiting_.empty() || !waiting_.front().is_known) return std::nullopt;
  Answer answer = std::move(waiting_.front().answer);
  bytes_ -= waiting_.front().bytes;
  waiting_.pop_front();
  ++first_;
  return answer;
}

void StompAnswers::clear() {
  first_ += waiting_.size();
  waiting_.clear();
  bytes_ = 0;
}

}  // namespace spoolmq::adapters

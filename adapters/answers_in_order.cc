#include "adapters/answers_in_order.h"

#include "adapters/answer_line.h"
#include "core/check.h"

namespace spoolmq::adapters {

void AnswersInOrder::told(const Intake::Taken& taken) {
  SPOOLMQ_CHECK(!expected_.empty() && !expected_.front());
  expected_.pop_front();
  lines_ += taken.is_sent ? answer_line(Verdict::kAck, taken.id.text())
                          : answer_line(Verdict::kReject, taken.why);
  take_known();
}

void AnswersInOrder::take_known() {
  for (; !expected_.empty() && expected_.front(); expected_.pop_front()) {
    lines_ += answer_line(Verdict::kReject, *expected_.front());
  }
}

void AnswersInOrder::wrote(std::size_t bytes) {
  written_ += bytes;
  if (written_ < lines_.size()) return;
  lines_.clear();
  written_ = 0;
}

void AnswersInOrder::clear() {
  expected_.clear();
  lines_.clear();
  written_ = 0;
}

}  // namespace spoolmq::adapters

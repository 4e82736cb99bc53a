// Lines of answers: what was understood can be told again, and means the same.

#include "adapters/answer_line.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {

void answers(std::string_view input) {
  const auto answer = adapters::parse_answer(input);
  if (!answer) return;
  for (const char c : answer->text) SPOOLMQ_CHECK(static_cast<unsigned char>(c) >= 0x20);
  std::string line = adapters::answer_line(answer->verdict, answer->text);
  SPOOLMQ_CHECK(line.ends_with('\n') && line.find('\n') == line.size() - 1);
  line.pop_back();
  const auto again = adapters::parse_answer(line);
  SPOOLMQ_CHECK(again && again->verdict == answer->verdict);
}

}  // namespace spoolmq::fuzz

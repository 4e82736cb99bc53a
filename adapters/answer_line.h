#pragma once
// The lines in which two sides of a bridge tell each other what became of a message. Without their
// end of line:
//   ok [ID]        done: taken by us, durable, under that id; or acknowledged by the other side
//   again [WHY]    failed, may work later (nack); from us: nothing was accepted, send it again
//   no [WHY]       bad for good (reject); from us: refused
//   down [WHY]     what handles it is out of order: a pause, no failure counted
//   stop [WHY]     likewise, and only an operator can mend it
// WHY is one line of text. Pure.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/verdict.h"

namespace spoolmq::adapters {

inline constexpr std::size_t kMostAnswerBytes = 4096;

struct Answer {
  Verdict verdict = Verdict::kAck;
  std::string text;  // ID or WHY; control characters replaced
  bool operator==(const Answer&) const = default;
};

// nullopt: the line is none of those above. A carriage return at its end does not count.
std::optional<Answer> parse_answer(std::string_view line);

// The line, with its end. Verdicts that have no word (kRelease, kNone) are not to be told: a bug.
std::string answer_line(Verdict verdict, std::string_view text);

}  // namespace spoolmq::adapters

#include "adapters/answer_line.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/check.h"
#include "core/text.h"

namespace spoolmq::adapters {
namespace {

constexpr std::array<std::pair<std::string_view, Verdict>, 5> kWords{{
    {"ok", Verdict::kAck},
    {"again", Verdict::kNack},
    {"no", Verdict::kReject},
    {"down", Verdict::kPause},
    {"stop", Verdict::kStop},
}};

}  // namespace

std::optional<Answer> parse_answer(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::size_t blank = std::min(line.find(' '), line.size());
  const auto* const word =
      std::ranges::find(kWords, line.substr(0, blank), &decltype(kWords)::value_type::first);
  if (word == kWords.end() || line.size() > kMostAnswerBytes) return std::nullopt;
  line.remove_prefix(std::min(blank + 1, line.size()));
  return Answer{word->second, printable(line)};
}

std::string answer_line(Verdict verdict, std::string_view text) {
  const auto* const word =
      std::ranges::find(kWords, verdict, &decltype(kWords)::value_type::second);
  SPOOLMQ_CHECK(word != kWords.end());
  std::string line(word->first);
  if (!text.empty()) line.append(" ").append(printable(text.substr(0, kMostAnswerBytes / 2)));
  return line + "\n";
}

}  // namespace spoolmq::adapters

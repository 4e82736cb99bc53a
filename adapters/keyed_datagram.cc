#include "adapters/keyed_datagram.h"

#include <algorithm>
#include <utility>

namespace spoolmq::adapters {
namespace {

bool is_key(std::string_view text) {
  return !text.empty() && text.size() <= kMostKeyBytes &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

std::optional<KeyedDatagram> parse_keyed(std::string_view bytes) {
  const std::size_t blank = bytes.substr(0, kMostKeyBytes + 1).find(' ');
  if (blank == std::string_view::npos || !is_key(bytes.substr(0, blank))) return std::nullopt;
  return KeyedDatagram{bytes.substr(0, blank), bytes.substr(blank + 1)};
}

std::optional<KeyedAnswer> parse_keyed_answer(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  std::optional<Answer> answer = parse_answer(line);
  if (!answer) return std::nullopt;
  const std::string text = std::exchange(answer->text, {});
  const std::size_t blank = std::min(text.find(' '), text.size());
  KeyedAnswer keyed{text.substr(0, blank), std::move(*answer)};
  if (!is_key(keyed.key)) return std::nullopt;
  keyed.answer.text = text.substr(std::min(blank + 1, text.size()));
  return keyed;
}

std::string keyed_answer_line(Verdict verdict, std::string_view key, std::string_view text) {
  std::string words(key);
  if (!text.empty()) words.append(" ").append(text);
  return answer_line(verdict, words);
}

}  // namespace spoolmq::adapters

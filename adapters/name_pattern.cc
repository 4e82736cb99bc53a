#include "adapters/name_pattern.h"

#include <algorithm>

#include "core/names.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kSeparators = "./";
constexpr std::string_view kAnyWord = "*";
constexpr std::string_view kAnyWords = "#";

bool is_letter_or_digit(char one) {
  return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9');
}

bool is_plain_word(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char one) {
    return is_letter_or_digit(one) || one == '-' || one == '_';
  });
}

std::string_view front_word(std::string_view text) {
  return text.substr(0, text.find_first_of(kSeparators));
}

bool is_every_name(std::string_view pattern) { return pattern == kAnyWord || pattern == kAnyWords; }

}  // namespace

std::optional<std::string> refuse_name_pattern(std::string_view pattern) {
  if (pattern.size() > kMostPatternBytes) return "a pattern has at most 128 bytes";
  if (!names::refuse_queue_name(pattern)) return std::nullopt;  // "a..b" is a name, too
  std::string_view rest = pattern;
  while (true) {
    const std::string_view word = front_word(rest);
    rest.remove_prefix(word.size());
    if (word == kAnyWords && !rest.empty()) return "'#' is the last word of a pattern";
    if (word != kAnyWord && word != kAnyWords && !is_plain_word(word)) {
      return "a pattern has words of letters, digits, '-' and '_', or '*', or a last '#', with '.' "
             "or '/' between them";
    }
    if (rest.empty()) return std::nullopt;
    rest.remove_prefix(1);
  }
}

bool matches_name(std::string_view pattern, std::string_view name) {
  if (is_every_name(pattern) || pattern == name) return true;
  while (true) {
    const std::string_view wanted = front_word(pattern);
    const std::string_view word = front_word(name);
    if (wanted == kAnyWords) return true;
    if (wanted != kAnyWord && wanted != word) return false;
    if (word.empty()) return false;
    pattern.remove_prefix(wanted.size());
    name.remove_prefix(word.size());
    // Its last words may be none: then their separator is there for nothing.
    if (name.empty()) return pattern.empty() || (pattern.size() == 2 && pattern.ends_with('#'));
    if (pattern.empty() || pattern.front() != name.front()) return false;
    pattern.remove_prefix(1);
    name.remove_prefix(1);
  }
}

}  // namespace spoolmq::adapters

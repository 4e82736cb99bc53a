#include "store/topic_names.h"

#include <algorithm>
#include <vector>

#include "core/text.h"
#include "spoolmq/topic.h"

namespace spoolmq {
namespace {

std::vector<std::string_view> words_of(std::string_view name) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t dot = name.find('.');
    words.push_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return words;
    name.remove_prefix(dot + 1);
  }
}

bool is_wildcard(std::string_view word) { return word == "*" || word == "#"; }

std::optional<std::string> refuse(std::string_view name, bool wildcards) {
  if (name.empty()) return "it is empty";
  if (name.size() > kMaxTopicBytes) {
    return "it has more than " + std::to_string(kMaxTopicBytes) + " bytes";
  }
  for (const std::string_view word : words_of(name)) {
    if (word.empty()) return "a word of it is empty";
    if (wildcards && is_wildcard(word)) continue;
    for (const char c : word) {
      if (c == '*' || c == '#') {
        return wildcards ? std::string(1, c) + " must be a word of its own"
                         : std::string("only bindings have wildcards");
      }
      if (c <= ' ' || c > '~') return "it has other characters than printable ASCII";
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> refuse_topic(std::string_view topic) { return refuse(topic, false); }
std::optional<std::string> refuse_pattern(std::string_view pattern) {
  return refuse(pattern, true);
}

void require_topic(std::string_view topic) {
  if (const auto why = refuse_topic(topic)) {
    throw Error(ErrorCode::kUsage, "name a topic", printable(topic), *why);
  }
}

void require_pattern(std::string_view pattern) {
  if (const auto why = refuse_pattern(pattern)) {
    throw Error(ErrorCode::kUsage, "name a topic", printable(pattern), *why);
  }
}

// One row of the table per word of the pattern: which beginnings of the topic it and all words
// before it can take. Many `#` cost no more than few.
bool topic_matches(std::string_view pattern, std::string_view topic) {
  const std::vector<std::string_view> words = words_of(topic);
  std::vector<bool> taken(words.size() + 1, false);
  taken[0] = true;
  for (const std::string_view word : words_of(pattern)) {
    std::vector<bool> next(words.size() + 1, false);
    if (word == "#") {
      const auto first = std::find(taken.begin(), taken.end(), true);
      std::fill(next.begin() + (first - taken.begin()), next.end(), true);
    } else {
      for (std::size_t i = 0; i < words.size(); ++i) {
        next[i + 1] = taken[i] && (word == "*" || word == words[i]);
      }
    }
    taken = std::move(next);
  }
  return taken.back();
}

}  // namespace spoolmq

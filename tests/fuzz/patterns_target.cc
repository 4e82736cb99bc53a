// Patterns over names: as a plain, slow matcher of words says.

#include <string>
#include <vector>

#include "adapters/name_pattern.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {
namespace {

// Words, each with the separator before it: "a.b/c" is {"a", ".b", "/c"}.
std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> all(1);
  for (const char c : text) {
    if (c == '.' || c == '/') all.emplace_back();
    all.back() += c;
  }
  return all;
}

bool is_matched(std::string_view pattern, std::string_view name) {
  if (pattern == "*" || pattern == "#") return true;
  const auto wanted = words(pattern);
  const auto given = words(name);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool is_separated = i > 0;
    const std::string_view word = std::string_view(wanted[i]).substr(is_separated ? 1 : 0);
    if (word == "#" && i + 1 == wanted.size()) {
      return i >= given.size() || !is_separated || given[i][0] == wanted[i][0];
    }
    if (i >= given.size()) return false;
    if (is_separated && given[i][0] != wanted[i][0]) return false;
    const bool is_empty = given[i].size() == (is_separated ? 1 : 0);
    if (word == "*" ? is_empty : given[i] != wanted[i]) return false;
  }
  return wanted.size() == given.size();
}

}  // namespace

void patterns(std::string_view input) {
  const std::size_t cut = input.find('\n');
  const std::string_view pattern = input.substr(0, cut);
  if (const auto why = adapters::refuse_name_pattern(pattern)) {
    SPOOLMQ_CHECK(!why->empty());
    return;
  }
  SPOOLMQ_CHECK(pattern.size() <= adapters::kMostPatternBytes);
  const std::string_view name = cut == std::string_view::npos ? "" : input.substr(cut + 1);
  const bool matches = adapters::matches_name(pattern, name);
  if (!name.empty() && !adapters::refuse_name_pattern(name) && name.find('*') == name.npos &&
      name.find('#') == name.npos) {
    SPOOLMQ_CHECK(matches == is_matched(pattern, name));
  }
}

}  // namespace spoolmq::fuzz

#include "watcher/readiness_options.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/text.h"

namespace spoolmq::watcher {
namespace {

constexpr std::array<std::pair<Rule, std::string_view>, 5> kRuleNames{{
    {Rule::kRename, "rename"},
    {Rule::kDoneFile, "done-file"},
    {Rule::kClosed, "closed"},
    {Rule::kLocked, "locked"},
    {Rule::kStable, "stable"},
}};

struct NameParts {
  std::string_view directory;  // with its last '/'
  std::string_view name;
  std::string_view stem;
  std::string_view extension;  // without its '.'
};

NameParts split(std::string_view path) {
  NameParts parts;
  const std::size_t slash = path.rfind('/');
  const std::size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
  parts.directory = path.substr(0, begin);
  parts.name = parts.stem = path.substr(begin);
  const std::size_t dot = parts.name.rfind('.');
  if (dot != std::string_view::npos && dot != 0 && dot + 1 != parts.name.size()) {
    parts.stem = parts.name.substr(0, dot);
    parts.extension = parts.name.substr(dot + 1);
  }
  return parts;
}

// Calls `text` and `field` for what `form` is made of, from left to right.
template <typename Text, typename Field>
void take_apart(std::string_view form, const Text& text, const Field& field) {
  constexpr std::array<std::string_view, 3> kFields{"{name}", "{stem}", "{ext}"};
  while (!form.empty()) {
    const auto* const found = std::find_if(kFields.begin(), kFields.end(),
                                           [&](auto word) { return form.starts_with(word); });
    if (found != kFields.end()) {
      field(*found);
      form.remove_prefix(found->size());
    } else {
      text(form.front());
      form.remove_prefix(1);
    }
  }
}

// The shell pattern of every name that a done file may have.
std::string done_file_pattern(std::string_view form) {
  std::string pattern;
  take_apart(
      form,
      [&](char c) {
        if (c == '*' || c == '?' || c == '[') {
          pattern.append("[").append(1, c).append("]");
        } else {
          pattern += c;
        }
      },
      [&](std::string_view field) { pattern += field == "{ext}" ? "*" : "?*"; });
  return pattern;
}

}  // namespace

std::string_view rule_name(Rule rule) {
  return kRuleNames.at(static_cast<std::size_t>(rule)).second;
}

std::optional<Rule> parse_rule(std::string_view name) {
  for (const auto& [rule, known] : kRuleNames) {
    if (known == name) return rule;
  }
  return std::nullopt;
}

bool ReadinessOptions::has(Rule rule) const {
  return std::find(rules.begin(), rules.end(), rule) != rules.end();
}

std::string done_file_of(const ReadinessOptions& options, std::string_view name) {
  const NameParts parts = split(name);
  std::string made(parts.directory);
  take_apart(
      options.done_file, [&](char c) { made += c; },
      [&](std::string_view field) {
        made += field == "{name}" ? parts.name : field == "{stem}" ? parts.stem : parts.extension;
      });
  return made;
}

std::optional<std::string> data_file_of(const ReadinessOptions& options, std::string_view done) {
  constexpr std::string_view kName = "{name}";
  const std::string_view form = options.done_file;
  const std::size_t at = form.find(kName);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = form.substr(0, at);
  const std::string_view after = form.substr(at + kName.size());
  const NameParts parts = split(done);
  if (parts.name.size() <= before.size() + after.size() || !parts.name.starts_with(before) ||
      !parts.name.ends_with(after)) {
    return std::nullopt;
  }
  std::string made(parts.directory);
  made += parts.name.substr(before.size(), parts.name.size() - before.size() - after.size());
  if (done_file_of(options, made) != done) return std::nullopt;  // other fields stand around it
  return made;
}

bool is_done_file(const ReadinessOptions& options, std::string_view name) {
  return glob_match(done_file_pattern(options.done_file), split(name).name);
}

const std::string* unfinished_pattern_of(const ReadinessOptions& options, std::string_view path) {
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    for (const std::string& pattern : options.unfinished) {
      if (glob_match(pattern, part)) return &pattern;
    }
    path.remove_prefix(std::min(part.size() + 1, path.size()));
  }
  return nullptr;
}

}  // namespace spoolmq::watcher

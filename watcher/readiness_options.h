#pragma once
// What a file must fulfil before it counts as finished, as far as its name and the settings say it:
// the rules that are chosen, the names that are left alone, and the name of the done file.
// Plain values and pure functions.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spoolmq::watcher {

enum class Rule : std::uint8_t { kRename, kDoneFile, kClosed, kLocked, kStable };
std::string_view rule_name(Rule rule);
std::optional<Rule> parse_rule(std::string_view name);

struct ReadinessOptions {
  std::vector<Rule> rules{Rule::kClosed, Rule::kStable};
  // Names that are left alone under every rule.
  std::vector<std::string> unfinished{".*", "~*", "*.tmp", "*.part", "*.filepart", "*.writing"};
  std::string done_file = "{name}.done";  // {name} {stem} {ext}
  std::chrono::milliseconds stable_for{2'000};
  std::chrono::milliseconds quiet_for{60'000};
  [[nodiscard]] bool has(Rule rule) const;
};

// The name of the file that says `name` is finished ("a.xml" → "a.xml.done"); of a path, the path
// beside it.
std::string done_file_of(const ReadinessOptions& options, std::string_view name);

// The other way round: whose done file this is; nullopt where the template cannot be turned round.
std::optional<std::string> data_file_of(const ReadinessOptions& options, std::string_view done);

// Whether `name` is one that done_file_of makes of another; of a path, its last part counts.
bool is_done_file(const ReadinessOptions& options, std::string_view name);

// The first pattern of `unfinished` that a part of the path matches, nullptr if none does: a
// directory with an unfinished name holds unfinished files.
const std::string* unfinished_pattern_of(const ReadinessOptions& options, std::string_view path);

}  // namespace spoolmq::watcher

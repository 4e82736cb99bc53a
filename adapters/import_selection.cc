#include "adapters/import_selection.h"

#include <algorithm>
#include <vector>

#include "adapters/source_tree.h"
#include "core/text.h"
#include "core/units.h"

namespace spoolmq::adapters {
namespace {

bool matches(const std::vector<std::string>& patterns, std::string_view relative) {
  const std::string_view name = split_path(relative).name;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return glob_match(pattern, pattern.find('/') == std::string::npos ? name : relative);
  });
}

std::string bytes_text(std::uint64_t bytes) { return std::to_string(bytes) + " bytes"; }

}  // namespace

bool is_selected(std::string_view relative, const ImportSettings& settings) {
  if (matches(settings.exclude, relative)) return false;
  return settings.include.empty() || matches(settings.include, relative);
}

std::optional<Unfit> find_unfit(const FileStatus& status, bool is_known, std::int64_t age_ms,
                                const ImportSettings& settings) {
  if (status.kind != FileKind::kRegular) {
    return Unfit{"kind", "it is not a regular file", {}, true};
  }
  // Whoever may write here may have linked a file that is not theirs to give.
  if (status.links > 1 && !is_known && !settings.trusted) {
    return Unfit{"links",
                 "it has " + std::to_string(status.links) +
                     " names (hard links), and the directory is not trusted",
                 {}};
  }
  if (status.size < settings.min_size) {
    return Unfit{"size",
                 bytes_text(status.size) + ", less than min-size " + bytes_text(settings.min_size),
                 {},
                 true};
  }
  if (status.size > settings.max_size) {
    return Unfit{"size",
                 bytes_text(status.size) + ", more than max-size " + bytes_text(settings.max_size),
                 {},
                 true};
  }
  if (age_ms < settings.min_age.count()) {
    const std::int64_t left_ms = settings.min_age.count() - age_ms;
    return Unfit{"age", "younger than min-age " + format_duration(settings.min_age), left_ms};
  }
  if (settings.max_age.count() > 0 && age_ms > settings.max_age.count()) {
    return Unfit{"age", "older than max-age " + format_duration(settings.max_age), {}, true};
  }
  return std::nullopt;
}

}  // namespace spoolmq::adapters

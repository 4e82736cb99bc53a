#pragma once
// Which files of a directory an import takes: by name, kind, links, size and age. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/import_settings.h"
#include "core/file_system.h"

namespace spoolmq::adapters {

// Included by any of `include` (none given: all are) and excluded by none of `exclude`.
bool is_selected(std::string_view relative, const ImportSettings& settings);

struct Unfit {
  std::string rule;  // "kind" "links" "size" "age"
  std::string why;
  std::optional<std::int64_t> left_ms;  // until it is old enough
  bool is_passed_over = false;          // not what this import is for; else it is left, and counted
};
// nullopt: it may be taken. `is_known`: a row of imports.db speaks of it, so that a second link may
// be the queue's own. `age_ms`: since its last write.
std::optional<Unfit> find_unfit(const FileStatus& status, bool is_known, std::int64_t age_ms,
                                const ImportSettings& settings);

}  // namespace spoolmq::adapters

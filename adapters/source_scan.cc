#include "adapters/source_scan.h"

#include <optional>
#include <utility>

#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

std::vector<std::string> names_in(Dir& directory) {
  std::vector<std::string> names;
  directory.list([&](std::string_view name) {
    names.emplace_back(name);
    return true;
  });
  return names;
}

// A name whose status cannot be had is treated as one that has gone.
std::optional<FileStatus> status_of(Dir& directory, const std::string& name) {
  try {
    return directory.status(name);
  } catch (const Error& error) {
    log::debug("could not look at a file", {{"path", error.subject()}, {"why", error.why()}});
    return std::nullopt;
  }
}

}  // namespace

SourceScan::SourceScan(SourceTree& tree, std::size_t depth, Enters enters)
    : tree_(tree), depth_(depth), enters_(std::move(enters)) {
  levels_.push_back({{}, names_in(tree_.root()), 0});
}

void SourceScan::begin(std::string relative) {
  Dir* const directory = tree_.directory(relative);
  if (directory == nullptr) return;
  try {
    std::vector<std::string> names = names_in(*directory);
    levels_.push_back({std::move(relative), std::move(names), 0});
  } catch (const Error& error) {
    log::warn("left a directory that may not be read",
              {{"path", error.subject()}, {"why", error.why()}});
  }
}

bool SourceScan::step(std::size_t most, const Visit& visit) {
  for (std::size_t looked = 0; looked < most; ++looked) {
    while (!levels_.empty() && levels_.back().next == levels_.back().names.size()) {
      levels_.pop_back();
    }
    if (levels_.empty()) return false;
    Level& level = levels_.back();
    const std::string name = std::move(level.names[level.next++]);
    Dir* const directory = tree_.directory(level.relative);
    if (directory == nullptr) {  // gone while we looked
      levels_.pop_back();
      continue;
    }
    const std::optional<FileStatus> status = status_of(*directory, name);
    if (!status) continue;
    std::string relative = join_path(level.relative, name);
    if (status->kind != FileKind::kDirectory) {
      visit(relative, *status);
    } else if (levels_.size() <= depth_ && enters_(relative)) {
      begin(std::move(relative));
    }
  }
  return true;
}

}  // namespace spoolmq::adapters

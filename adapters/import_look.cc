// How an import looks at its directory: the scan in slices, files that are looked at again, and the
// order of what is ready.

#include <algorithm>
#include <utility>

#include "adapters/import_selection.h"
#include "adapters/import_session.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::size_t kEntriesPerTurn = 4096;
constexpr std::size_t kAgainPerTurn = 4096;
constexpr std::int64_t kForgetAbsentAfterMs = std::int64_t{7} * 24 * 60 * 60 * 1000;

bool may_be_over_soon(const watcher::Verdict& verdict) {
  return verdict.rule == watcher::Rule::kStable;
}

}  // namespace

void ImportSession::begin_scan() {
  look_at_all_ = false;
  parts_.source.refresh();
  scan_ = std::make_unique<SourceScan>(
      parts_.source, parts_.settings.depth,
      [this](const std::string& path) { return !is_aside(path + "/"); });
  present_.clear();
  left_departing_.clear();
  rows_ = parts_.identity.inodes();
  report_.left_unfinished = 0;
  report_.left_stuck = 0;
  blocked_.clear();
  unreadable_.clear();
  candidates_.clear();
  next_candidate_ = 0;
  readiness_.begin_round();
}

void ImportSession::scan_some() {
  const bool more =
      scan_->step(kEntriesPerTurn, [this](const std::string& path, const FileStatus& status) {
        if (status.kind != FileKind::kRegular) return;
        present_.insert(status.inode);
        const SplitPath split = split_path(path);
        if (const auto id = parse_departing_name(split.name)) {
          left_departing_.emplace_back(split.directory, *id);
          return;
        }
        see(path, status);
      });
  if (!more) end_scan();
}

void ImportSession::end_scan() {
  scan_.reset();
  readiness_.end_round();
  const auto is_absent = [this](const FileIdentity& file) {
    return !present_.contains(file.inode);
  };
  std::erase_if(refused_, is_absent);
  std::erase_if(settled_, is_absent);
  for (const auto& [directory, id] : std::exchange(left_departing_, {})) {
    batch_->resume(directory, id);
  }
  batch_->forget_departed(present_);
  parts_.identity.forget_absent(identify(parts_.source.root()),
                                parts_.clock.wall_ms() - kForgetAbsentAfterMs, present_);
  std::erase_if(second_look_, [this](const std::string& path) {
    return !waiting_.contains(path) && !blocked_.contains(path);
  });
  sort_candidates(0);
}

std::optional<FileStatus> ImportSession::status_of(const std::string& path) {
  const SplitPath split = split_path(path);
  Dir* const directory = parts_.source.directory(split.directory);
  if (directory == nullptr) return std::nullopt;
  try {
    return directory->status(split.name);
  } catch (const Error& error) {
    log::debug("could not look at a file", {{"path", error.subject()}, {"why", error.why()}});
    return std::nullopt;
  }
}

bool ImportSession::done_file_is_there(const std::string& path) {
  if (!readiness_.options().has(watcher::Rule::kDoneFile)) return false;
  const SplitPath split = split_path(path);
  return status_of(
             join_path(split.directory, watcher::done_file_of(readiness_.options(), split.name)))
      .has_value();
}

// Where the clock was set back, or its writer's goes ahead, a file is from tomorrow: what we have
// seen of it counts, too, or it would be too young until then.
std::int64_t ImportSession::age_ms(const FileStatus& status) const {
  const std::int64_t by_clock = parts_.clock.wall_ms() - status.mtime_ns / kNsPerMs;
  if (by_clock >= parts_.settings.min_age.count()) return by_clock;
  return std::max(by_clock, readiness_.unchanged_ms(status, parts_.clock.boot_ms()));
}

// From outside: nothing is opened. Every file is sampled, also one that is not taken yet: a close
// that was seen under a temporary name counts for the final one.
void ImportSession::see(const std::string& path, const FileStatus& status) {
  if (status.kind != FileKind::kRegular) return;
  if (parse_departing_name(split_path(path).name)) return;  // under way, whatever the patterns are
  const std::int64_t now = parts_.clock.boot_ms();
  const watcher::Verdict verdict = readiness_.look(status, done_file_is_there(path), now);
  if (!is_selected(path, parts_.settings)) return;
  const watcher::Verdict by_name = readiness_.look_at_name(path);
  if (by_name.kind != watcher::Verdict::Kind::kReady) {
    // A done file is none that anybody would import.
    if (scan_ && by_name.rule == watcher::Rule::kRename) ++report_.left_unfinished;
    return;
  }
  const FileIdentity file = identity_of(status);
  if (settled_.contains(file) || refused_.contains(file)) return;
  const auto unfit = find_unfit(status, true, age_ms(status), parts_.settings);
  if (unfit) {
    if (!unfit->left_ms) return;
    waiting_.add(path, now + *unfit->left_ms);
    blocked_.insert(path);
    return;
  }
  const bool first_look = !second_look_.contains(path);
  if (verdict.kind == watcher::Verdict::Kind::kReady) {
    waiting_.remove(path);
    candidates_.push_back({status.mtime_ns, path});
  } else if (verdict.kind == watcher::Verdict::Kind::kWait) {
    wait_for(path, verdict, first_look);
  }
}

void ImportSession::wait_for(const std::string& path, const watcher::Verdict& verdict,
                             bool first_look) {
  blocked_.erase(path);
  if (verdict.again_boot_ms) {
    waiting_.add(path, *verdict.again_boot_ms);
    if (first_look && may_be_over_soon(verdict)) {
      second_look_.insert(path);
    } else {
      blocked_.insert(path);  // whoever makes one pass only does not wait for it
    }
  } else {
    waiting_.remove(path);
    blocked_.insert(path);
  }
}

void ImportSession::see_again() {
  const std::vector<std::string> due = waiting_.take_due(parts_.clock.boot_ms(), kAgainPerTurn);
  const std::size_t sorted = candidates_.size();
  for (const std::string& path : due) {
    blocked_.erase(path);
    const std::optional<FileStatus> status = status_of(path);
    if (status) see(path, *status);
    if (!waiting_.contains(path)) second_look_.erase(path);
  }
  if (candidates_.size() > sorted) sort_candidates(sorted);
}

// The first `sorted` of them are in order.
void ImportSession::sort_candidates(std::size_t sorted) {
  const bool by_name = parts_.settings.order == ImportOrder::kName;
  const auto is_before = [by_name](const Candidate& a, const Candidate& b) {
    if (by_name || a.mtime_ns == b.mtime_ns) return a.path < b.path;
    return a.mtime_ns < b.mtime_ns;
  };
  const auto first = candidates_.begin() + static_cast<std::ptrdiff_t>(next_candidate_);
  const auto added = candidates_.begin() + static_cast<std::ptrdiff_t>(sorted);
  std::sort(added, candidates_.end(), is_before);
  std::inplace_merge(first, added, candidates_.end(), is_before);
  candidates_.erase(candidates_.begin(), first);
  next_candidate_ = 0;
}

}  // namespace spoolmq::adapters

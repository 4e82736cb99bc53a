#include "adapters/import_session.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "adapters/import_selection.h"
#include "core/log.h"
#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kEntriesPerTurn = 4096;
constexpr std::size_t kAgainPerTurn = 4096;
constexpr std::int64_t kForgetAbsentAfterMs = std::int64_t{7} * 24 * 60 * 60 * 1000;
constexpr std::size_t kMaxClosedThenRenamed = 1'000;
constexpr std::int64_t kHoldMs = 500;     // between looks at a queue that is full
constexpr std::int64_t kAgainMs = 1'000;  // after a file changed while it was read

// Asked only where the rules care: two system calls per file.
watcher::Writers writers_of(File& file, const watcher::ReadinessOptions& options) {
  if (!options.has(watcher::Rule::kClosed)) return watcher::Writers::kUnknown;
  return watcher::ReadLease(file).writers();
}

// One spelling for each directory, whatever links lead to it.
std::string real_path(Dir& directory) {
  std::error_code none;
  const auto real = std::filesystem::canonical(directory.path(), none);
  return none ? directory.path() : real.string();
}

// Where done and errors lie below the imported directory, relative to it.
std::vector<std::string> directories_aside(const ImportParts& parts) {
  const std::string top = real_path(parts.source.root()) + "/";
  std::vector<std::string> found;
  for (SideDirectory* const side : {parts.done, parts.errors}) {
    if (side == nullptr) continue;
    const std::string path = real_path(side->base());
    if (path.starts_with(top)) found.push_back(path.substr(top.size()) + "/");
  }
  return found;
}

bool may_be_over_soon(const watcher::Verdict& verdict) {
  return verdict.rule == watcher::Rule::kStable;
}

}  // namespace

std::size_t ImportSession::IdentityHash::operator()(const FileIdentity& file) const noexcept {
  return static_cast<std::size_t>(file.inode * 0x9e3779b97f4a7c15u ^
                                  static_cast<std::uint64_t>(file.ctime_ns));
}

ImportSession::ImportSession(const ImportParts& parts, ImportReactions reactions)
    : parts_(parts),
      reactions_(std::move(reactions)),
      aside_(directories_aside(parts)),
      readiness_(parts.settings.ready) {}

bool ImportSession::is_aside(std::string_view path) const {
  return std::any_of(aside_.begin(), aside_.end(),
                     [&](const std::string& directory) { return path.starts_with(directory); });
}

void ImportSession::ClosedThenRenamed::closed(const std::string& gone) {
  if (names_.size() >= kMaxClosedThenRenamed) names_.clear();
  names_.insert(gone);
}

void ImportSession::ClosedThenRenamed::renamed_from(const std::string& name, std::uint32_t rename) {
  if (names_.erase(name) == 0 || rename == 0) return;
  if (renames_.size() >= kMaxClosedThenRenamed) renames_.clear();
  renames_.insert(rename);
}

void ImportSession::hint(const watcher::Hint& hint) {
  using Kind = watcher::Hint::Kind;
  if (hint.kind == Kind::kLook) {
    look_at_all_ = true;
    return;
  }
  if (is_aside(hint.name)) return;
  if (hint.kind == Kind::kGone) {
    waiting_.remove(hint.name);
    blocked_.erase(hint.name);
    unreadable_.erase(hint.name);
    second_look_.erase(hint.name);
    closed_then_renamed_.renamed_from(hint.name, hint.rename);
    return;
  }
  const std::optional<FileStatus> status = status_of(hint.name);
  if (!status) {
    if (hint.kind == Kind::kModified) closed_then_renamed_.modified(hint.name);
    if (hint.kind == Kind::kClosed) closed_then_renamed_.closed(hint.name);
    return;
  }
  if (status->kind != FileKind::kRegular) return;
  if (hint.kind == Kind::kModified) readiness_.modified(*status);
  if (hint.kind == Kind::kClosed || closed_then_renamed_.take(hint.rename)) {
    readiness_.closed(*status, parts_.clock.boot_ms());
  }
  blocked_.erase(hint.name);
  if (readiness_.options().has(watcher::Rule::kDoneFile) &&
      watcher::is_done_file(readiness_.options(), hint.name)) {
    const auto finished = watcher::data_file_of(readiness_.options(), hint.name);
    if (finished) {
      waiting_.add(*finished, 0);
    } else {
      look_at_all_ = true;
    }
    return;
  }
  // A file that is written to all the time is not worth a look for every write.
  if (hint.kind == Kind::kModified && waiting_.contains(hint.name)) return;
  waiting_.add(hint.name, 0);
}

Adapter::Turn ImportSession::turn() {
  if (!batch_) batch_.emplace(parts_, reactions_, report_, rows_);
  report_.stopped.reset();
  try {
    if (look_at_all_ && !scan_) begin_scan();
    if (scan_) {
      scan_some();
      if (scan_) return next_turn(true);
    }
    see_again();
    if (next_candidate_ == candidates_.size()) held_.reset();
    if (next_candidate_ < candidates_.size()) {
      if (const std::uint64_t most = room(); most > 0) {
        import_some(most);
        if (!report_.stopped && next_candidate_ < candidates_.size()) return next_turn(true);
      }
    }
    batch_->finish();
    take_leftovers();
  } catch (...) {
    // What is half done is on disk; this object's view of it is worth nothing now.
    batch_.reset();
    scan_.reset();
    candidates_.clear();
    next_candidate_ = 0;
    look_at_all_ = true;
    throw;
  }
  count_waiting();
  if (report_.stopped && !held_) {
    const Error why = *report_.stopped;
    look_at_all_ = true;
    throw Error(why);
  }
  return next_turn(false);
}

// ---- Looking

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

// From outside: nothing is opened. Every file is sampled, also one that is not taken yet: a close
// that was seen under a temporary name counts for the final one.
void ImportSession::see(const std::string& path, const FileStatus& status) {
  if (status.kind != FileKind::kRegular) return;
  if (parse_departing_name(split_path(path).name)) return;  // under way, whatever the patterns are
  const std::int64_t now = parts_.clock.boot_ms();
  const watcher::Verdict verdict = readiness_.look(status, done_file_is_there(path), now);
  if (!is_selected(path, parts_.settings)) return;
  if (readiness_.look_at_name(path).kind != watcher::Verdict::Kind::kReady) {
    if (scan_) ++report_.left_unfinished;
    return;
  }
  const FileIdentity file = identity_of(status);
  if (settled_.contains(file) || refused_.contains(file)) return;
  const auto unfit = find_unfit(status, true, parts_.clock.wall_ms(), parts_.settings);
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

// ---- Taking

// How many files may be taken; 0: above the high mark they stay where they are.
std::uint64_t ImportSession::room() {
  const std::uint64_t high = parts_.settings.high_mark;
  if (high == 0) return UINT64_MAX;
  if (held_ && parts_.clock.boot_ms() < held_until_boot_ms_) {
    report_.stopped = Error(ErrorCode::kTryAgain, "import", parts_.queue.name(), *held_);
    return 0;
  }
  const auto ready = static_cast<std::uint64_t>(parts_.queue.stats().of(State::kReady).messages);
  const std::uint64_t low = parts_.settings.low_mark > 0 ? parts_.settings.low_mark : high / 2;
  if (ready < high && (!held_ || ready <= low)) {
    held_.reset();
    return high - ready;
  }
  held_ = std::to_string(ready) + " messages are ready, high-mark is " + std::to_string(high) +
          ": files stay until " + std::to_string(low) + " are left";
  held_until_boot_ms_ = parts_.clock.boot_ms() + kHoldMs;
  report_.stopped = Error(ErrorCode::kTryAgain, "import", parts_.queue.name(), *held_);
  return 0;
}

void ImportSession::import_some(std::uint64_t most) {
  while (next_candidate_ < candidates_.size()) {
    const std::string path = std::move(candidates_[next_candidate_++].path);
    second_look_.erase(path);
    unreadable_.erase(path);
    try_file(path);
    if (report_.stopped) return;
    if (batch_->is_full() || --most == 0) return batch_->flush();
  }
}

// What was to be taken and was not.
void ImportSession::take_leftovers() {
  for (const FileIdentity& file : batch_->take_refused()) refused_.insert(file);
  for (std::string& path : batch_->take_unreadable()) unreadable_.insert(std::move(path));
  const std::int64_t again = parts_.clock.boot_ms() + kAgainMs;
  for (const std::string& path : batch_->take_unsettled()) {
    blocked_.insert(path);
    waiting_.add(path, again);
  }
}

// nullptr: gone, or no file for us; one of them never holds up the others.
std::unique_ptr<File> ImportSession::open(const std::string& path) {
  const SplitPath split = split_path(path);
  Dir* const directory = parts_.source.directory(split.directory);
  if (directory == nullptr) return nullptr;
  try {
    return directory->open(split.name, Access::kRead);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kOsResource) throw;
    log_unreadable(path, error);
    unreadable_.insert(path);
    return nullptr;
  }
}

void ImportSession::try_file(const std::string& path) {
  std::unique_ptr<File> file = open(path);
  if (!file) return;
  const FileStatus status = file->status();
  const FileIdentity identity = identity_of(status);
  std::optional<KnownImport> known;
  if (rows_.contains(identity.inode)) known = parts_.identity.find(identity, std::nullopt);
  if (known && known->state != ImportState::kIntent) {
    if (parts_.settings.after == AfterImport::kKeep) {
      settled_.insert(identity);
      return;
    }
    known->file = identity;
    return batch_->add_known(std::move(*known), path);
  }
  if (const auto unfit =
          find_unfit(status, known.has_value(), parts_.clock.wall_ms(), parts_.settings)) {
    if (!unfit->is_passed_over) blocked_.insert(path);
    return;
  }
  const watcher::Verdict verdict = look_at_open(path, *file, status);
  if (verdict.kind != watcher::Verdict::Kind::kReady) return wait_for(path, verdict, false);
  batch_->add(path, std::move(file), status);
}

// What the kernel refuses to tell of one file does not hold up the others.
watcher::Verdict ImportSession::look_at_open(const std::string& path, File& file,
                                             const FileStatus& status) {
  try {
    return readiness_.look_at_open(file, status, writers_of(file, readiness_.options()),
                                   parts_.clock.boot_ms(), parts_.clock.wall_ms());
  } catch (const Error& error) {
    log::warn("left a file", {{"file", printable(path)}, {"why", error.what()}});
    return {watcher::Verdict::Kind::kWait, {}, error.why(), {}};
  }
}

// ---- When next

void ImportSession::count_waiting() {
  std::size_t soon = 0;
  for (const std::string& path : second_look_) {
    if (!blocked_.contains(path)) ++soon;
  }
  report_.left_unsettled = blocked_.size() + soon;
  report_.left_unreadable = unreadable_.size();
}

Adapter::Turn ImportSession::next_turn(bool more) {
  if (more) return {0, false};
  Adapter::Turn turn;
  // Whoever is blocked at its second look has had it.
  turn.idle = std::ranges::all_of(
      second_look_, [this](const std::string& path) { return blocked_.contains(path); });
  turn.next_boot_ms = INT64_MAX;
  if (const auto next = waiting_.next()) turn.next_boot_ms = *next;
  if (turn.next_boot_ms <= parts_.clock.boot_ms()) turn.idle = false;
  if (held_) {
    turn.next_boot_ms = std::min(turn.next_boot_ms, held_until_boot_ms_);
    turn.idle = true;
  }
  return turn;
}

}  // namespace spoolmq::adapters

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

constexpr std::int64_t kLooksApartMs = 5'000;  // while there is work
constexpr std::size_t kMaxClosedThenRenamed = 1'000;

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

// What was found is taken first, for a while: while many files come and go, events are lost again
// and again, and each loss asks for a look.
bool ImportSession::may_look() {
  const std::int64_t now = parts_.clock.boot_ms();
  const bool has_work = next_candidate_ < candidates_.size() && !held_;
  if (has_work && now - last_look_boot_ms_ < kLooksApartMs) return false;
  last_look_boot_ms_ = now;
  return true;
}

Adapter::Turn ImportSession::turn() {
  if (!batch_) batch_.emplace(parts_, reactions_, report_, rows_);
  report_.stopped.reset();
  try {
    if (look_at_all_ && !scan_ && may_look()) begin_scan();
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

// How an import takes what its look found ready: room in the queue, one file after the other, and
// what the batch leaves to the next look.

#include <algorithm>
#include <utility>

#include "adapters/import_selection.h"
#include "adapters/import_session.h"
#include "core/log.h"
#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kHoldMs = 500;     // between looks at a queue that is full
constexpr std::int64_t kAgainMs = 1'000;  // after a file changed while it was read

// Asked only where the rules care: two system calls per file.
watcher::Writers writers_of(File& file, const watcher::ReadinessOptions& options) {
  if (!options.has(watcher::Rule::kClosed)) return watcher::Writers::kUnknown;
  return watcher::ReadLease(file).writers();
}

}  // namespace

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
  if (const auto unfit = find_unfit(status, known.has_value(), age_ms(status), parts_.settings)) {
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

}  // namespace spoolmq::adapters

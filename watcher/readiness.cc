#include "watcher/readiness.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/text.h"

namespace spoolmq::watcher {
namespace {

using std::chrono::milliseconds;

// IN_CLOSE_WRITE comes a moment before the kernel has counted the writer out and dropped its locks
// (__fput: fsnotify_close comes first), and nothing is announced after that; nor is an unlock.
constexpr std::int64_t kLeastAgainMs = 10;
constexpr std::int64_t kMostAgainMs = 1'000;

// Rounded down to what a person reads: "40ms" "1.2s" "12s" "4m 5s" "2h 10m".
std::string in_words(std::int64_t ms) {
  const auto two = [](std::int64_t large, std::string_view large_unit, std::int64_t small,
                      std::string_view small_unit) {
    std::string text = std::to_string(large).append(large_unit);
    if (small != 0) text.append(" ").append(std::to_string(small)).append(small_unit);
    return text;
  };
  const std::int64_t seconds = ms / 1'000;
  const std::int64_t tenths = ms / 100 % 10;
  if (ms <= 0) return "0s";
  if (seconds == 0) return std::to_string(ms) + "ms";
  if (seconds < 10 && tenths != 0) {
    return std::to_string(seconds) + "." + std::to_string(tenths) + "s";
  }
  if (seconds < 120) return std::to_string(seconds) + "s";
  if (seconds < 7'200) return two(seconds / 60, "m", seconds % 60, "s");
  return two(seconds / 3'600, "h", seconds / 60 % 60, "m");
}

struct Rest {
  std::string why;
  std::int64_t until_boot_ms = 0;
};

constexpr std::int64_t kNsPerMs = 1'000'000;

// nullopt: what has been as it is since then has been so for long enough.
std::optional<Rest> rest_of(std::int64_t since_boot_ms, milliseconds wanted,
                            std::int64_t now_boot_ms) {
  const std::int64_t elapsed_ms = now_boot_ms - since_boot_ms;
  if (elapsed_ms >= wanted.count()) return std::nullopt;
  Rest rest;
  rest.why = "unchanged for " + in_words(elapsed_ms) + " of " + in_words(wanted.count());
  if (__builtin_add_overflow(since_boot_ms, wanted.count(), &rest.until_boot_ms)) {
    rest.until_boot_ms = INT64_MAX;
  }
  return rest;
}

Verdict hold_back(Rule rule, std::string why, std::optional<std::int64_t> again_boot_ms) {
  return {Verdict::Kind::kWait, rule, std::move(why), again_boot_ms};
}

Verdict skip(Rule rule, std::string why) {
  return {Verdict::Kind::kSkip, rule, std::move(why), std::nullopt};
}

}  // namespace

std::size_t Readiness::KeyHash::operator()(const Key& key) const noexcept {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
  return static_cast<std::size_t>((key.inode ^ key.device * kOdd) * kOdd);
}

Readiness::Readiness(ReadinessOptions options) : options_(std::move(options)) {}

// ---- Looks

Verdict Readiness::look_at_name(std::string_view name) const {
  if (const std::string* const pattern = unfinished_pattern_of(options_, name)) {
    return skip(Rule::kRename, "its name says that it is unfinished (" + printable(*pattern) + ")");
  }
  if (options_.has(Rule::kDoneFile) && is_done_file(options_, name)) {
    return skip(Rule::kDoneFile, "its name says that another file is finished (" +
                                     printable(options_.done_file) + ")");
  }
  return {};
}

Verdict Readiness::look(const FileStatus& status, bool done_file_there, std::int64_t now_boot_ms) {
  const Sighting& seen = sample(status, now_boot_ms);
  if (options_.has(Rule::kDoneFile) && !done_file_there) {
    return hold_back(
        Rule::kDoneFile,
        "the file that says it is finished is not there (" + printable(options_.done_file) + ")",
        std::nullopt);
  }
  return judge_age(seen, now_boot_ms);
}

Verdict Readiness::look_at_open(File& file, const FileStatus& status, Writers writers,
                                std::int64_t now_boot_ms, std::int64_t now_wall_ms) {
  const Sighting& seen = sample(status, now_boot_ms);
  if (options_.has(Rule::kLocked) && is_locked(file)) {
    return hold_back(Rule::kLocked, "locked by another program",
                     again_after_close(seen, now_boot_ms).value_or(now_boot_ms + kMostAgainMs));
  }
  Verdict verdict;
  if (options_.has(Rule::kClosed)) {
    verdict = judge_writers(status, writers, seen, now_boot_ms, now_wall_ms);
  }
  return verdict.kind == Verdict::Kind::kReady ? judge_age(seen, now_boot_ms) : verdict;
}

Verdict Readiness::judge_writers(const FileStatus& status, Writers writers, const Sighting& seen,
                                 std::int64_t now_boot_ms, std::int64_t now_wall_ms) const {
  if (writers == Writers::kNone) return {};
  if (writers == Writers::kSome) {
    return hold_back(Rule::kClosed, "open for writing by another program",
                     again_after_close(seen, now_boot_ms));
  }
  if (seen.closed_boot_ms != kNever) return {};
  const std::int64_t age_ms = std::max<std::int64_t>(0, now_wall_ms - status.ctime_ns / kNsPerMs);
  const std::int64_t since = std::min(seen.unchanged_since_boot_ms, now_boot_ms - age_ms);
  const auto rest = rest_of(since, options_.quiet_for, now_boot_ms);
  if (!rest) return {};
  const std::string_view reason =
      status.uid == ::geteuid() ? "its file system has none" : "another user's file";
  return hold_back(Rule::kClosed,
                   "may be open: the lease is refused (" + std::string(reason) +
                       ") and no close was seen; " + rest->why,
                   rest->until_boot_ms);
}

Verdict Readiness::judge_age(const Sighting& seen, std::int64_t now_boot_ms) const {
  if (!options_.has(Rule::kStable)) return {};
  const auto rest = rest_of(seen.unchanged_since_boot_ms, options_.stable_for, now_boot_ms);
  return rest ? hold_back(Rule::kStable, rest->why, rest->until_boot_ms) : Verdict{};
}

std::optional<std::int64_t> Readiness::again_after_close(const Sighting& seen,
                                                         std::int64_t now_boot_ms) {
  if (seen.closed_boot_ms == kNever) return std::nullopt;
  return now_boot_ms + std::clamp(now_boot_ms - seen.closed_boot_ms, kLeastAgainMs, kMostAgainMs);
}

// ---- What was seen

bool Readiness::is_same(const Sighting& seen, const FileStatus& status) {
  return seen.size == status.size && seen.mtime_ns == status.mtime_ns &&
         seen.ctime_ns == status.ctime_ns;
}

Readiness::Sighting& Readiness::sample(const FileStatus& status, std::int64_t now_boot_ms) {
  const auto [found, is_new] = sightings_.try_emplace(key_of(status));
  Sighting& seen = found->second;
  const bool same_content = !is_new && seen.size == status.size && seen.mtime_ns == status.mtime_ns;
  const bool times_were_set = !is_new && seen.size == status.size &&
                              status.mtime_ns < status.ctime_ns && status.mtime_ns < seen.mtime_ns;
  if (!same_content && !times_were_set) seen.closed_boot_ms = kNever;
  if (is_new || !is_same(seen, status)) {
    seen.size = status.size;
    seen.mtime_ns = status.mtime_ns;
    seen.ctime_ns = status.ctime_ns;
    seen.unchanged_since_boot_ms = now_boot_ms;
  }
  seen.round = round_;
  return seen;
}

void Readiness::closed(const FileStatus& status, std::int64_t now_boot_ms) {
  sample(status, now_boot_ms).closed_boot_ms = now_boot_ms;
}

void Readiness::modified(const FileStatus& status) {
  const auto found = sightings_.find(key_of(status));
  if (found == sightings_.end()) return;
  found->second.closed_boot_ms = kNever;
  found->second.round = round_;
}

std::int64_t Readiness::unchanged_ms(const FileStatus& status, std::int64_t now_boot_ms) const {
  const auto found = sightings_.find(key_of(status));
  if (found == sightings_.end() || !is_same(found->second, status)) return 0;
  return now_boot_ms - found->second.unchanged_since_boot_ms;
}

void Readiness::begin_round() { ++round_; }

void Readiness::end_round() {
  std::erase_if(sightings_, [this](const auto& entry) { return entry.second.round != round_; });
}

void Readiness::forget(const FileStatus& status) { sightings_.erase(key_of(status)); }

}  // namespace spoolmq::watcher

#include "adapters/source_file.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "core/text.h"

namespace spoolmq::adapters {
namespace {

constexpr std::array<std::string_view, 6> kUnfinished = {".*",     "~*",         "*.tmp",
                                                         "*.part", "*.filepart", "*.writing"};
constexpr std::chrono::milliseconds kQuietWhereUnknown{60'000};

Writers take_lease(int descriptor) {
  if (descriptor < 0) return Writers::kNone;
  if (::fcntl(descriptor, F_SETLEASE, F_RDLCK) == 0) return Writers::kNone;
  return errno == EAGAIN ? Writers::kSome : Writers::kUnknown;
}

}  // namespace

bool looks_unfinished(std::string_view name) {
  return std::any_of(kUnfinished.begin(), kUnfinished.end(),
                     [&](std::string_view pattern) { return glob_match(pattern, name); });
}

bool is_selected(std::string_view name, std::span<const std::string> include,
                 std::span<const std::string> exclude) {
  const auto matches = [&](const std::string& pattern) { return glob_match(pattern, name); };
  if (std::any_of(exclude.begin(), exclude.end(), matches)) return false;
  return include.empty() || std::any_of(include.begin(), include.end(), matches);
}

// A broken lease is announced by SIGIO, which would end the process; SIGURG is ignored by default.
// F_SETSIG comes first and is _GNU_SOURCE's, which g++ defines.
ReadLease::ReadLease(File& file) : descriptor_(file.descriptor()), writers_(Writers::kUnknown) {
  if (descriptor_ < 0 || ::fcntl(descriptor_, F_SETSIG, SIGURG) == 0) {
    writers_ = take_lease(descriptor_);
  }
}

ReadLease::~ReadLease() {
  if (descriptor_ >= 0 && writers_ == Writers::kNone) ::fcntl(descriptor_, F_SETLEASE, F_UNLCK);
}

bool ReadLease::is_undisturbed() const {
  if (writers_ != Writers::kNone) return false;
  return descriptor_ < 0 || ::fcntl(descriptor_, F_GETLEASE) == F_RDLCK;
}

bool is_settled(const FileStatus& status, Writers writers, std::int64_t now_ms,
                std::chrono::milliseconds quiet_for) {
  if (writers == Writers::kSome) return false;
  if (writers == Writers::kUnknown) quiet_for = std::max(quiet_for, kQuietWhereUnknown);
  const std::int64_t now_ns = now_ms * 1'000'000;
  // A program may set the time of modification to anything, the future included; the time of
  // change is the kernel's own.
  const std::int64_t touched_ns =
      status.mtime_ns <= now_ns ? std::max(status.mtime_ns, status.ctime_ns) : status.ctime_ns;
  return now_ns - touched_ns >= std::chrono::nanoseconds(quiet_for).count();
}

std::optional<std::string> read_exactly(File& file, std::uint64_t size) {
  std::string content(static_cast<std::size_t>(size) + 1, '\0');
  const std::size_t got = file.read_at(std::as_writable_bytes(std::span(content)), 0);
  if (got != size) return std::nullopt;
  content.pop_back();
  return content;
}

}  // namespace spoolmq::adapters

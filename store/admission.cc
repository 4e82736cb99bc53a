#include "store/admission.h"

#include <algorithm>
#include <limits>

#include "core/log.h"
#include "core/names.h"
#include "core/units.h"
#include "spoolmq/error.h"
#include "store/ownership.h"

namespace spoolmq {
namespace {

constexpr std::int64_t kAskEveryMs = 100;
constexpr std::uint64_t kBallastShare = 16;

}  // namespace

Admission::Admission(std::shared_ptr<Dir> root, const Clock& clock)
    : root_(std::move(root)), clock_(clock) {}

void Admission::check(std::uint64_t bytes) {
  const std::int64_t now = clock_.boot_ms();
  const auto wanted = static_cast<std::int64_t>(bytes + kReserveBytes);
  if (now - asked_boot_ms_ >= kAskEveryMs || free_bytes_ < wanted) {
    const Dir::Space space = root_->space();
    if (space.inodes < kReserveInodes) {
      throw Error(ErrorCode::kTryAgain, "send", root_->path(),
                  "the file system has no inodes left");
    }
    free_bytes_ = static_cast<std::int64_t>(
        std::min<std::uint64_t>(space.bytes, std::numeric_limits<std::int64_t>::max()));
    asked_boot_ms_ = now;
    if (free_bytes_ < wanted) {
      throw Error(ErrorCode::kTryAgain, "send", root_->path(),
                  "the file system is full: " + std::to_string(space.bytes) + " bytes are free, " +
                      std::to_string(kReserveBytes) + " are kept for acknowledgements");
    }
    if (!looked_for_ballast_.exchange(true)) keep_ballast();
  }
  free_bytes_ -= static_cast<std::int64_t>(bytes);
}

bool Admission::has_room() const {
  const Dir::Space space = root_->space();
  return space.bytes >= kReserveBytes && space.inodes >= kReserveInodes;
}

bool Admission::release_ballast() {
  try {
    const std::unique_ptr<Dir> run = look_shared_dir(*root_, names::kRun);
    return run && run->unlink(names::kBallast);
  } catch (const Error& error) {
    log::warn("ballast not released", {{"why", error.why()}});
    return false;
  }
}

void Admission::keep_ballast() {
  try {
    const std::uint64_t bytes = std::min(kBallastBytes, root_->space().bytes / kBallastShare);
    if (bytes < kLeastBallastBytes) return;
    const std::unique_ptr<Dir> run = open_shared_dir(*root_, names::kRun);
    if (!run || run->status(names::kBallast)) return;
    const std::unique_ptr<File> ballast =
        create_shared_file(*run, names::kBallast, IfExists::kOpen);
    try {
      ballast->allocate(0, bytes);
    } catch (const Error&) {
      run->unlink(names::kBallast);  // an empty one would pass for ballast
      throw;
    }
  } catch (const Error& error) {
    log::info("no ballast", {{"why", error.why()}});
  }
}

}  // namespace spoolmq

#include "cli/service_lock.h"

#include <unistd.h>

#include <string>

#include "core/names.h"
#include "core/text.h"
#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr std::string_view kLockFile = "service.lock";
constexpr std::size_t kHolderBytes = 256;

}  // namespace

ServiceLock::ServiceLock(Dir& root, const Clock& clock) {
  if (root.make_dir(names::kRun, 0700)) root.sync();
  run_ = root.open_dir(names::kRun);
  if (!run_) {
    throw Error(ErrorCode::kConfiguration, "serve", root.path() + "/run", "not a directory");
  }
  file_ = run_->create(kLockFile, 0600, IfExists::kOpen);
  if (!file_->try_lock(0, 1, LockKind::kExclusive)) {
    const std::string holder = read_file(*run_, kLockFile, kHolderBytes).value_or("");
    throw Error(ErrorCode::kTryAgain, "serve", root.path(),
                "a service runs on this root: " +
                    (holder.empty() ? "it has just started" : printable(holder)));
  }
  file_->truncate(0);
  const std::string us =
      "pid " + std::to_string(::getpid()) + " since " + format_time(clock.wall_ms());
  file_->write_at(as_bytes(us), 0);
}

}  // namespace spoolmq::cli

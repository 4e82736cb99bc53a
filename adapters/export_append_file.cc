#include "adapters/export_append_file.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "adapters/export_name.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::uint64_t kWholeFile = 0;  // fcntl(2): a length of 0 reaches to the end, however far
constexpr int kPollMs = 10;

Error refuse(const Dir& target, const std::string& name, ErrorCode code, std::string_view why) {
  return {code, "append to", target.path() + "/" + name, why};
}

}  // namespace

AppendFile::AppendFile(Dir& target, const ExportAccess& access)
    : target_(target), access_(access) {}

// A new file appears with its group and mode.
std::unique_ptr<File> AppendFile::open_or_make() {
  if (auto there = target_.open(name_, Access::kReadWrite)) return there;
  if (auto made = target_.create_unnamed(access_.first_mode())) {
    access_.give(*made);
    if (target_.link_unnamed(*made, name_)) return made;
    return nullptr;  // another was faster
  }
  auto made = target_.create(name_, access_.first_mode(), IfExists::kOpen);
  access_.give(*made);
  return made;
}

bool AppendFile::open(const std::string& name, const KeepGoing& keep_going) {
  name_ = name;
  for (int waited_ms = 0; waited_ms <= kLockWaitMs; waited_ms += kPollMs) {
    file_ = open_or_make();
    if (file_ != nullptr && file_->try_lock(0, kWholeFile, LockKind::kExclusive)) {
      const FileStatus status = file_->status();
      if (status.kind != FileKind::kRegular) {
        throw refuse(target_, name_, ErrorCode::kCannotCreate, "it is not a regular file");
      }
      inode_ = status.inode;
      // It may have been renamed or removed while we waited.
      const auto named = target_.status(name_);
      if (named && named->inode == inode_ && named->device == status.device) return true;
    }
    file_.reset();
    if (!keep_going()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs));
  }
  throw refuse(target_, name_, ErrorCode::kTryAgain, "another program holds its lock");
}

void AppendFile::put_aside() {
  std::uint64_t number = 0;
  target_.list([&](std::string_view there) {
    number = std::max(number, number_of_file_name(name_, there).value_or(0));
    return true;
  });
  while (!target_.rename_new(name_, target_, numbered_file_name(name_, number + 1))) ++number;
  target_.sync();
  close();
}

}  // namespace spoolmq::adapters

#include "store/ownership.h"

#include <unistd.h>

#include "spoolmq/error.h"

namespace spoolmq {
namespace {

constexpr std::uint32_t kSharedDirBits = 0775;
constexpr std::uint32_t kSharedFileBits = 0660;

template <typename Made>
void give(Made& made, const FileStatus& directory) {
  if (::geteuid() == 0) {
    if (directory.uid != 0 || directory.gid != ::getegid()) {
      made.set_owner(directory.uid, directory.gid);
    }
    return;
  }
  if (directory.gid == ::getegid()) return;
  try {
    made.set_owner(::geteuid(), directory.gid);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kPermission) throw;  // not in that group: it stays ours
  }
}

template <typename Open>
std::unique_ptr<Dir> open_if_allowed(Open open) {
  try {
    return open();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kPermission) throw;
    return nullptr;
  }
}

}  // namespace

void give_owner(File& made, const FileStatus& directory) { give(made, directory); }
void give_owner(Dir& made, const FileStatus& directory) { give(made, directory); }

std::unique_ptr<Dir> open_shared_dir(Dir& root, std::string_view name) {
  return open_if_allowed([&] {
    if (std::unique_ptr<Dir> existing = root.open_dir(name)) return existing;
    const FileStatus status = root.status();
    const bool is_new = root.make_dir(name, (status.mode & kSharedDirBits) | 0700);
    std::unique_ptr<Dir> dir = root.open_dir(name);
    if (dir && is_new) give_owner(*dir, status);
    return dir;
  });
}

std::unique_ptr<Dir> look_shared_dir(Dir& root, std::string_view name) {
  return open_if_allowed([&] { return root.open_dir(name); });
}

std::unique_ptr<File> create_shared_file(Dir& shared, std::string_view name, IfExists if_exists) {
  if (if_exists == IfExists::kOpen) {
    if (std::unique_ptr<File> existing = shared.open(name, Access::kReadWrite)) return existing;
  }
  const FileStatus status = shared.status();
  std::unique_ptr<File> file =
      shared.create(name, (status.mode & kSharedFileBits) | 0600, if_exists);
  give_owner(*file, status);
  return file;
}

}  // namespace spoolmq

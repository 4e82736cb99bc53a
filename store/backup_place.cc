#include "store/backup_place.h"

#include <filesystem>
#include <system_error>

#include "core/file_system.h"
#include "spoolmq/error.h"
#include "store/known_file_systems.h"

namespace spoolmq {
namespace {

namespace fs = std::filesystem;

struct Split {
  fs::path parent;
  std::string name;
};

Split split(const std::string& path, std::string_view operation) {
  std::error_code error;
  fs::path absolute = fs::absolute(path, error);
  if (!absolute.has_filename()) absolute = absolute.parent_path();  // "monday/"
  const std::string name = absolute.filename();
  if (path.empty() || error || name.empty() || name == "." || name == "..") {
    throw Error(ErrorCode::kUsage, operation, path.empty() ? "''" : path,
                "it must name a directory that can be made");
  }
  return {absolute.parent_path(), name};
}

bool is_inside(const fs::path& inner, const fs::path& outer) {
  std::error_code error;
  for (fs::path one = fs::canonical(inner, error); !error; one = one.parent_path()) {
    if (fs::equivalent(one, outer, error)) return true;
    if (one == one.parent_path()) return false;
  }
  return false;
}

}  // namespace

BackupPlace place_of_new_backup(const std::string& root, const std::string& path) {
  const Split at = split(path, "back up to");
  if (is_inside(at.parent, root)) {
    throw Error(ErrorCode::kUsage, "back up to", path, "it is inside the root " + root);
  }
  std::shared_ptr<Dir> parent = open_posix_dir(at.parent);
  require_known_file_system(*parent, "back up to");
  return {std::move(parent), at.name};
}

BackupPlace place_of_backup(const std::string& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);  // whatever link leads there
  if (error || !fs::is_directory(real, error)) {
    throw Error(ErrorCode::kNotFound, "restore", path, "no such directory");
  }
  const Split at = split(real, "restore");
  return {open_posix_dir(at.parent), at.name};
}

}  // namespace spoolmq

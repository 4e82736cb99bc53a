#include "tests/support/memory_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/check.h"
#include "tests/support/memory_vfs_file.h"

namespace spoolmq::test {
namespace {

sqlite3_vfs& default_vfs() {
  static sqlite3_vfs* const found = sqlite3_vfs_find(nullptr);
  return *found;
}

std::string relative_path(const Disk& disk, std::string_view path) {
  path.remove_prefix(std::min(path.size(), disk.prefix().size() + 1));
  return std::string(path);
}

// A journal or WAL gets the permission bits of its database.
std::uint32_t mode_for(const Disk& disk, const std::string& path) {
  const std::size_t dash = path.rfind('-');
  const NodePtr database = dash == std::string::npos ? nullptr : disk.find(path.substr(0, dash));
  return database ? database->mode : 0644;
}

// SQLITE_OK and the file's inode, which is made if need be.
int find_or_create(Disk& disk, const std::string& path, int flags, NodePtr& node) {
  node = disk.find(path);
  if (node && node->kind != FileKind::kRegular) return refuse(EISDIR, SQLITE_CANTOPEN);
  if (node) {
    const int only_new = SQLITE_OPEN_CREATE | SQLITE_OPEN_EXCLUSIVE;
    return (flags & only_new) == only_new ? refuse(EEXIST, SQLITE_CANTOPEN) : SQLITE_OK;
  }
  const NodePtr parent = disk.find(parent_of(path));
  if ((flags & SQLITE_OPEN_CREATE) == 0 || !parent) return refuse(ENOENT, SQLITE_CANTOPEN);
  const Outcome outcome = ask(disk, {OperationKind::kCreate, path, {}});
  if (outcome.error_number != 0) return refuse(outcome.error_number, SQLITE_CANTOPEN);
  node = disk.new_node(FileKind::kRegular, mode_for(disk, path));
  if (outcome.act) {
    parent->set_entry(name_of(path), node);
    node->links = 1;
  }
  return SQLITE_OK;
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  const std::shared_ptr<Disk> disk = name == nullptr ? nullptr : Disk::of_path(name);
  if (!disk) return default_vfs().xOpen(&default_vfs(), name, file, flags, out_flags);
  file->pMethods = nullptr;
  const std::lock_guard lock(disk->mutex);
  const std::string path = relative_path(*disk, name);
  if (const int refused = disk->look_refusal(); refused != 0) {
    return refuse(refused, SQLITE_CANTOPEN);
  }
  NodePtr node;
  if (const int code = find_or_create(*disk, path, flags, node); code != SQLITE_OK) return code;
  constexpr int kJournals = SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
  auto open = std::make_unique<OpenFile>();
  open->disk = disk;
  open->node = node;
  open->state = disk->sqlite_state(*node);
  open->path = path;
  open->sync_dir = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & kJournals) != 0;
  open->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
  reinterpret_cast<VfsFile*>(file)->open = open.release();
  file->pMethods = &io_methods();
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs*, const char* name, int sync_dir) {
  const std::shared_ptr<Disk> disk = Disk::of_path(name);
  if (!disk) return default_vfs().xDelete(&default_vfs(), name, sync_dir);
  const std::lock_guard lock(disk->mutex);
  const std::string path = relative_path(*disk, name);
  if (!disk->find(path)) return refuse(ENOENT, SQLITE_IOERR_DELETE_NOENT);
  if (const int error_number = remove_name(*disk, path).error_number; error_number != 0) {
    return refuse(error_number, SQLITE_IOERR_DELETE);
  }
  if (sync_dir != 0) {
    if (const int error_number = sync_parent(*disk, path).error_number; error_number != 0) {
      return refuse(error_number, SQLITE_IOERR_DIR_FSYNC);
    }
  }
  return SQLITE_OK;
}

int access_file(sqlite3_vfs*, const char* name, int flags, int* result) {
  const std::shared_ptr<Disk> disk = Disk::of_path(name);
  if (!disk) return default_vfs().xAccess(&default_vfs(), name, flags, result);
  const std::lock_guard lock(disk->mutex);
  const NodePtr node = disk->find(relative_path(*disk, name));
  // As os_unix.c: an empty file does not count as there, so an empty journal is never hot.
  const bool is_there = node && (flags != SQLITE_ACCESS_EXISTS ||
                                 node->kind != FileKind::kRegular || node->content.size() > 0);
  *result = is_there ? 1 : 0;
  return SQLITE_OK;
}

int full_pathname(sqlite3_vfs*, const char* name, int room, char* out) {
  if (!Disk::of_path(name)) return default_vfs().xFullPathname(&default_vfs(), name, room, out);
  const std::size_t length = std::strlen(name);
  if (length >= static_cast<std::size_t>(room)) return SQLITE_CANTOPEN;
  std::memcpy(out, name, length + 1);
  return SQLITE_OK;
}

int randomness(sqlite3_vfs*, int length, char* out) {
  return default_vfs().xRandomness(&default_vfs(), length, out);
}

int pause(sqlite3_vfs*, int microseconds) {
  return default_vfs().xSleep(&default_vfs(), microseconds);
}

int current_time(sqlite3_vfs*, double* now) {
  return default_vfs().xCurrentTime(&default_vfs(), now);
}

int current_time_int64(sqlite3_vfs*, sqlite3_int64* now) {
  return default_vfs().xCurrentTimeInt64(&default_vfs(), now);
}

int last_error(sqlite3_vfs*, int, char*) { return last_refusal(); }

}  // namespace

const char* memory_vfs_name() {
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs made{};
    made.iVersion = 2;
    made.szOsFile = std::max(static_cast<int>(sizeof(VfsFile)), default_vfs().szOsFile);
    made.mxPathname = default_vfs().mxPathname;
    made.zName = "spoolmq-twin";
    made.xOpen = open_file;
    made.xDelete = delete_file;
    made.xAccess = access_file;
    made.xFullPathname = full_pathname;
    made.xRandomness = randomness;
    made.xSleep = pause;
    made.xCurrentTime = current_time;
    made.xGetLastError = last_error;
    made.xCurrentTimeInt64 = current_time_int64;
    return made;
  }();
  static const int registered = sqlite3_vfs_register(&vfs, 0);
  SPOOLMQ_CHECK(registered == SQLITE_OK);
  return vfs.zName;
}

}  // namespace spoolmq::test

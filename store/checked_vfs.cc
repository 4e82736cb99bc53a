#include "store/checked_vfs.h"

#include <sqlite3.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "store/log_buffer.h"

namespace spoolmq {
namespace {

struct CheckedFile {
  sqlite3_file base;    // must be first: SQLite sees only this
  sqlite3_file* below;  // the file of the VFS underneath, right behind this struct
  int is_main;          // a database, whose pages are checksummed
  LogBuffer* log;       // of a write-ahead log; else null. Ours, from open to close
};

CheckedFile* self(sqlite3_file* file) {
  return static_cast<CheckedFile*>(static_cast<void*>(file));
}
sqlite3_file* below(sqlite3_file* file) { return self(file)->below; }

// What was gathered for a log is in its file from here on.
int settled(sqlite3_file* file) {
  LogBuffer* const log = self(file)->log;
  return log == nullptr ? SQLITE_OK : log->flush(below(file));
}

bool is_whole_page(sqlite3_file* file, int amount, sqlite3_int64 offset) {
  return self(file)->is_main != 0 && amount == kPageBytes && offset % kPageBytes == 0;
}

std::uint64_t page_checksum(const void* page, sqlite3_int64 offset) {
  return XXH3_64bits_withSeed(page, kPageBytes - kPageChecksumBytes,
                              static_cast<std::uint64_t>(offset) + 1);
}

int checked_read(sqlite3_file* file, void* into, int amount, sqlite3_int64 offset) {
  if (const int code = settled(file); code != SQLITE_OK) return code;
  const int code = below(file)->pMethods->xRead(below(file), into, amount, offset);
  if (code != SQLITE_OK || !is_whole_page(file, amount, offset)) return code;
  std::uint64_t stored;
  std::memcpy(&stored, static_cast<const char*>(into) + kPageBytes - kPageChecksumBytes,
              sizeof stored);
  return stored == page_checksum(into, offset) ? SQLITE_OK : SQLITE_IOERR_DATA;
}

int checked_write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset) {
  if (LogBuffer* const log = self(file)->log) return log->write(below(file), from, amount, offset);
  if (!is_whole_page(file, amount, offset)) {
    return below(file)->pMethods->xWrite(below(file), from, amount, offset);
  }
  char page[kPageBytes];
  std::memcpy(page, from, kPageBytes - kPageChecksumBytes);
  const std::uint64_t checksum = page_checksum(page, offset);
  std::memcpy(page + kPageBytes - kPageChecksumBytes, &checksum, sizeof checksum);
  return below(file)->pMethods->xWrite(below(file), page, amount, offset);
}

int checked_close(sqlite3_file* f) {
  const int flushed = settled(f);
  delete std::exchange(self(f)->log, nullptr);
  const int closed = below(f)->pMethods->xClose(below(f));
  return flushed == SQLITE_OK ? closed : flushed;
}
int checked_truncate(sqlite3_file* f, sqlite3_int64 size) {
  if (const int code = settled(f); code != SQLITE_OK) return code;
  return below(f)->pMethods->xTruncate(below(f), size);
}
// May come from another thread than the rest, which then is in the middle of its next transaction.
int checked_sync(sqlite3_file* f, int flags) { return below(f)->pMethods->xSync(below(f), flags); }
int checked_file_size(sqlite3_file* f, sqlite3_int64* size) {
  if (const int code = settled(f); code != SQLITE_OK) return code;
  return below(f)->pMethods->xFileSize(below(f), size);
}
int checked_lock(sqlite3_file* f, int level) { return below(f)->pMethods->xLock(below(f), level); }
int checked_unlock(sqlite3_file* f, int level) {
  return below(f)->pMethods->xUnlock(below(f), level);
}
int checked_reserved(sqlite3_file* f, int* out) {
  return below(f)->pMethods->xCheckReservedLock(below(f), out);
}
int checked_control(sqlite3_file* f, int operation, void* argument) {
  return below(f)->pMethods->xFileControl(below(f), operation, argument);
}
int checked_sector_size(sqlite3_file* f) { return below(f)->pMethods->xSectorSize(below(f)); }
int checked_characteristics(sqlite3_file* f) {
  // A page is written whole by us, but may still tear below: promise nothing more.
  return below(f)->pMethods->xDeviceCharacteristics(below(f));
}
int checked_shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  const int code = below(f)->pMethods->xShmMap(below(f), page, size, extend, out);
  if (code != SQLITE_OK || *out == nullptr) return code;
  // SQLite lengthens -shm by one byte in 4096. Where blocks are smaller than that the rest are
  // holes, and who first writes to one on a full disk is ended by SIGBUS: have them filled, and be
  // told. A kernel before 5.14 and memory that is not writable answer EINVAL.
  void* const mapped = const_cast<void*>(*out);
  if (::madvise(mapped, static_cast<std::size_t>(size), MADV_POPULATE_WRITE) == 0) return code;
  if (errno != EFAULT) return code;
  *out = nullptr;
  return SQLITE_FULL;
}
int checked_shm_lock(sqlite3_file* f, int offset, int count, int flags) {
  return below(f)->pMethods->xShmLock(below(f), offset, count, flags);
}
void checked_shm_barrier(sqlite3_file* f) { below(f)->pMethods->xShmBarrier(below(f)); }
int checked_shm_unmap(sqlite3_file* f, int remove) {
  return below(f)->pMethods->xShmUnmap(below(f), remove);
}

// Version 2: no memory mapping, which would go around the checksums.
const sqlite3_io_methods kMethods = {
    2,
    checked_close,
    checked_read,
    checked_write,
    checked_truncate,
    checked_sync,
    checked_file_size,
    checked_lock,
    checked_unlock,
    checked_reserved,
    checked_control,
    checked_sector_size,
    checked_characteristics,
    checked_shm_map,
    checked_shm_lock,
    checked_shm_barrier,
    checked_shm_unmap,
    nullptr,
    nullptr,
};

sqlite3_vfs* base_of(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

int checked_open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags,
                 int* out_flags) {
  CheckedFile* const checked = self(file);
  checked->base.pMethods = nullptr;
  checked->below = static_cast<sqlite3_file*>(
      static_cast<void*>(static_cast<char*>(static_cast<void*>(file)) + sizeof(CheckedFile)));
  checked->log = nullptr;
  checked->is_main = (flags & SQLITE_OPEN_MAIN_DB) != 0 ? 1 : 0;
  const int code = base_of(vfs)->xOpen(base_of(vfs), path, checked->below, flags, out_flags);
  if (checked->below->pMethods == nullptr) return code;
  checked->base.pMethods = &kMethods;
  if ((flags & SQLITE_OPEN_WAL) != 0) checked->log = new LogBuffer;
  return code;
}

int checked_delete(sqlite3_vfs* vfs, const char* path, int sync_directory) {
  return base_of(vfs)->xDelete(base_of(vfs), path, sync_directory);
}
int checked_access(sqlite3_vfs* vfs, const char* path, int flags, int* out) {
  return base_of(vfs)->xAccess(base_of(vfs), path, flags, out);
}
int checked_full_path(sqlite3_vfs* vfs, const char* path, int size, char* out) {
  return base_of(vfs)->xFullPathname(base_of(vfs), path, size, out);
}
int checked_randomness(sqlite3_vfs* vfs, int size, char* out) {
  return base_of(vfs)->xRandomness(base_of(vfs), size, out);
}
int checked_sleep(sqlite3_vfs* vfs, int us) { return base_of(vfs)->xSleep(base_of(vfs), us); }
int checked_time(sqlite3_vfs* vfs, double* out) {
  return base_of(vfs)->xCurrentTime(base_of(vfs), out);
}
int checked_last_error(sqlite3_vfs* vfs, int size, char* out) {
  return base_of(vfs)->xGetLastError(base_of(vfs), size, out);
}
int checked_time64(sqlite3_vfs* vfs, sqlite3_int64* out) {
  return base_of(vfs)->xCurrentTimeInt64(base_of(vfs), out);
}

struct Registered {
  std::string name;
  sqlite3_vfs vfs{};
};

}  // namespace

void leave_room_for_checksums(sqlite3* db) {
  int reserved = kPageChecksumBytes;
  sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
}

int flush_gathered(sqlite3_file* log) { return settled(log); }

const char* checked_vfs(const char* base) {
  static std::mutex mutex;  // guards the map
  // Leaked on purpose: SQLite keeps pointers to registered VFSs until the process ends.
  static auto* const registered = new std::map<sqlite3_vfs*, std::unique_ptr<Registered>>();
  const std::lock_guard guard(mutex);
  sqlite3_vfs* const found = sqlite3_vfs_find(base);
  if (found == nullptr) return nullptr;
  std::unique_ptr<Registered>& entry = (*registered)[found];
  if (!entry) {
    entry = std::make_unique<Registered>();
    entry->name = std::string("spoolmq-") + found->zName;
    sqlite3_vfs& vfs = entry->vfs;
    vfs.iVersion = 2;
    vfs.szOsFile = static_cast<int>(sizeof(CheckedFile)) + found->szOsFile;
    vfs.mxPathname = found->mxPathname;
    vfs.zName = entry->name.c_str();
    vfs.pAppData = found;
    vfs.xOpen = checked_open;
    vfs.xDelete = checked_delete;
    vfs.xAccess = checked_access;
    vfs.xFullPathname = checked_full_path;
    vfs.xRandomness = checked_randomness;
    vfs.xSleep = checked_sleep;
    vfs.xCurrentTime = checked_time;
    vfs.xGetLastError = checked_last_error;
    vfs.xCurrentTimeInt64 = checked_time64;
    sqlite3_vfs_register(&vfs, 0);
  }
  return entry->name.c_str();
}

}  // namespace spoolmq

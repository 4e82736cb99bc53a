#include "tests/support/memory_vfs_file.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <span>
#include <utility>

namespace spoolmq::test {
namespace {

thread_local int refused_with = 0;

OpenFile& of(sqlite3_file* file) { return *reinterpret_cast<VfsFile*>(file)->open; }

void leave_memory(OpenFile& open) {
  if (!open.uses_memory) return;
  open.state->memory.unlock(open.held, ~0U);
  open.state->memory.disconnect();
  open.uses_memory = false;
}

int close_file(sqlite3_file* file) {
  OpenFile* const open = std::exchange(reinterpret_cast<VfsFile*>(file)->open, nullptr);
  {
    const std::lock_guard lock(open->disk->mutex);
    leave_memory(*open);
    open->state->locks.lower(open, open->lock, SQLITE_LOCK_NONE);
    if (open->delete_on_close) remove_name(*open->disk, open->path);
  }
  delete open;
  file->pMethods = nullptr;
  return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* into, int length, sqlite3_int64 offset) {
  OpenFile& open = of(file);
  const std::lock_guard lock(open.disk->mutex);
  if (const int refused = open.disk->look_refusal(); refused != 0) {
    return refuse(refused, SQLITE_IOERR_READ);
  }
  const std::span<std::byte> wanted(static_cast<std::byte*>(into),
                                    static_cast<std::size_t>(length));
  const std::size_t got = open.node->content.read(wanted, static_cast<std::uint64_t>(offset));
  if (got == wanted.size()) return SQLITE_OK;
  std::ranges::fill(wanted.subspan(got), std::byte{0});
  return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* from, int length, sqlite3_int64 offset) {
  OpenFile& open = of(file);
  const std::lock_guard lock(open.disk->mutex);
  const Outcome outcome = ask(*open.disk, {OperationKind::kWrite, open.path, {}},
                              std::to_string(offset) + "+" + std::to_string(length));
  if (outcome.error_number != 0) return refuse(outcome.error_number, SQLITE_IOERR_WRITE);
  if (outcome.act) {
    open.node->content.write(
        {static_cast<const std::byte*>(from), static_cast<std::size_t>(length)},
        static_cast<std::uint64_t>(offset));
    open.node->touch();
  }
  return SQLITE_OK;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  OpenFile& open = of(file);
  const std::lock_guard lock(open.disk->mutex);
  const Outcome outcome =
      ask(*open.disk, {OperationKind::kTruncate, open.path, {}}, std::to_string(size));
  if (outcome.error_number != 0) return refuse(outcome.error_number, SQLITE_IOERR_TRUNCATE);
  if (outcome.act) {
    open.node->content.resize(static_cast<std::uint64_t>(size));
    open.node->touch();
  }
  return SQLITE_OK;
}

int sync_file(sqlite3_file* file, int) {
  OpenFile& open = of(file);
  const std::lock_guard lock(open.disk->mutex);
  const Outcome outcome = ask(*open.disk, {OperationKind::kSync, open.path, {}});
  if (outcome.error_number != 0) {
    if (!open.disk->cut) open.node->content.fail_sync();
    return refuse(outcome.error_number, SQLITE_IOERR_FSYNC);
  }
  if (outcome.act) open.node->content.sync();
  if (open.sync_dir) {
    open.sync_dir = false;
    sync_parent(*open.disk, open.path);  // os_unix.c ignores its failure; only the cut shows
    if (open.disk->cut) return refuse(EIO, SQLITE_IOERR_FSYNC);
  }
  return SQLITE_OK;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  OpenFile& open = of(file);
  const std::lock_guard lock(open.disk->mutex);
  if (const int refused = open.disk->look_refusal(); refused != 0) {
    return refuse(refused, SQLITE_IOERR_FSTAT);
  }
  *size = static_cast<sqlite3_int64>(open.node->content.size());
  return SQLITE_OK;
}

int lock_file(sqlite3_file* file, int level) {
  OpenFile& open = of(file);
  const std::lock_guard lock(open.disk->mutex);
  if (const int refused = open.disk->look_refusal(); refused != 0) {
    return refuse(refused, SQLITE_IOERR_LOCK);
  }
  return open.state->locks.raise(&open, open.lock, level) ? SQLITE_OK : SQLITE_BUSY;
}

int unlock_file(sqlite3_file* file, int level) {
  OpenFile& open = of(file);
  const std::lock_guard lock(open.disk->mutex);
  open.state->locks.lower(&open, open.lock, level);
  return SQLITE_OK;
}

int check_reserved_lock(sqlite3_file* file, int* reserved) {
  OpenFile& open = of(file);
  const std::lock_guard lock(open.disk->mutex);
  *reserved = open.state->locks.is_reserved() ? 1 : 0;
  return SQLITE_OK;
}

int file_control(sqlite3_file* file, int operation, void* argument) {
  OpenFile& open = of(file);
  const std::lock_guard lock(open.disk->mutex);
  auto* const number = static_cast<int*>(argument);
  switch (operation) {
    case SQLITE_FCNTL_HAS_MOVED:
      *number = open.disk->find(open.path) == open.node ? 0 : 1;
      return SQLITE_OK;
    case SQLITE_FCNTL_PERSIST_WAL:
      if (*number < 0) {
        *number = open.keep_wal ? 1 : 0;
      } else {
        open.keep_wal = *number != 0;
      }
      return SQLITE_OK;
    case SQLITE_FCNTL_LOCKSTATE:
      *number = open.lock;
      return SQLITE_OK;
    default:
      return SQLITE_NOTFOUND;
  }
}

int sector_size(sqlite3_file*) { return static_cast<int>(Content::kSectorBytes); }

int device_characteristics(sqlite3_file*) { return 0; }

int shm_map(sqlite3_file* file, int region, int bytes, int extend, void volatile** mapped) {
  OpenFile& open = of(file);
  const std::lock_guard lock(open.disk->mutex);
  if (const int refused = open.disk->look_refusal(); refused != 0) {
    return refuse(refused, refused == ENOMEM ? SQLITE_IOERR_NOMEM : SQLITE_IOERR_SHMMAP);
  }
  if (!open.uses_memory) {
    open.state->memory.connect();
    open.uses_memory = true;
  }
  *mapped = open.state->memory.region(region, bytes, extend != 0);
  return SQLITE_OK;
}

int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
  OpenFile& open = of(file);
  const std::lock_guard lock(open.disk->mutex);
  const unsigned mask = ((1U << count) - 1U) << offset;
  SharedMemory& memory = open.state->memory;
  if ((flags & SQLITE_SHM_UNLOCK) != 0) {
    memory.unlock(open.held, mask);
    return SQLITE_OK;
  }
  const bool locked = (flags & SQLITE_SHM_SHARED) != 0 ? memory.lock_shared(open.held, mask)
                                                       : memory.lock_exclusive(open.held, mask);
  return locked ? SQLITE_OK : SQLITE_BUSY;
}

void shm_barrier(sqlite3_file* file) {
  // A full barrier, which the mutex alone promises nowhere. ThreadSanitizer knows no fences.
  static std::atomic<unsigned> barrier{0};
  barrier.fetch_add(1, std::memory_order_seq_cst);
  const std::lock_guard lock(of(file).disk->mutex);
}

int shm_unmap(sqlite3_file* file, int) {
  OpenFile& open = of(file);
  const std::lock_guard lock(open.disk->mutex);
  leave_memory(open);
  return SQLITE_OK;
}

}  // namespace

Outcome ask(Disk& disk, const Operation& operation, std::string_view detail) {
  if (disk.cut || disk.buried) return {false, EIO};
  const Gate gate = disk.gate(operation, detail);
  if (disk.cut) return {false, EIO};
  switch (gate.way) {
    case Gate::Way::kDo:
      return {true, 0};
    case Gate::Way::kSkip:
      return {false, 0};
    case Gate::Way::kFail:
      return {false, gate.error_number};
    case Gate::Way::kCut:
      break;
  }
  return {false, EIO};
}

int refuse(int error_number, int code) {
  refused_with = error_number;
  return error_number == ENOSPC || error_number == EDQUOT
             ? (code == SQLITE_IOERR_WRITE ? SQLITE_FULL : code)
             : code;
}

Outcome sync_parent(Disk& disk, const std::string& path) {
  const std::string parent(parent_of(path));
  const Outcome outcome = ask(disk, {OperationKind::kSyncDir, parent, {}});
  const NodePtr node = disk.find(parent);
  if (!node) return outcome;
  if (outcome.act) node->sync_entries();
  if (outcome.error_number != 0 && !disk.cut) node->unsynced.clear();
  return outcome;
}

Outcome remove_name(Disk& disk, const std::string& path) {
  const Outcome outcome = ask(disk, {OperationKind::kUnlink, path, {}});
  const NodePtr parent = disk.find(parent_of(path));
  const NodePtr node = disk.find(path);
  if (outcome.act && parent && node) {
    parent->erase_entry(name_of(path));
    --node->links;
  }
  return outcome;
}

int last_refusal() { return refused_with; }

const sqlite3_io_methods& io_methods() {
  static const sqlite3_io_methods methods = [] {
    sqlite3_io_methods made{};
    made.iVersion = 2;
    made.xClose = close_file;
    made.xRead = read_file;
    made.xWrite = write_file;
    made.xTruncate = truncate_file;
    made.xSync = sync_file;
    made.xFileSize = file_size;
    made.xLock = lock_file;
    made.xUnlock = unlock_file;
    made.xCheckReservedLock = check_reserved_lock;
    made.xFileControl = file_control;
    made.xSectorSize = sector_size;
    made.xDeviceCharacteristics = device_characteristics;
    made.xShmMap = shm_map;
    made.xShmLock = shm_lock;
    made.xShmBarrier = shm_barrier;
    made.xShmUnmap = shm_unmap;
    return made;
  }();
  return methods;
}

}  // namespace spoolmq::test

#pragma once
// The files behind the SQLite VFS of the in-memory twin: what SQLite may do with an open one
// (sqlite3_io_methods), and how the twin's gate looks to it. The mutex of the file's Disk is held
// by callers of the functions that take a Disk.

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>

#include "tests/support/memory_disk.h"
#include "tests/support/memory_vfs_state.h"

namespace spoolmq::test {

// One open file of SQLite's: a connection to a database, or a journal or WAL of it.
struct OpenFile {
  std::shared_ptr<Disk> disk;
  NodePtr node;
  std::shared_ptr<SqliteFileState> state;
  std::string path;       // relative to the root of its disk
  bool sync_dir = false;  // a journal's first sync makes its name durable, too
  bool delete_on_close = false;
  bool keep_wal = false;  // SQLITE_FCNTL_PERSIST_WAL
  bool uses_memory = false;
  int lock = SQLITE_LOCK_NONE;
  SharedMemory::Held held;
};

struct VfsFile {
  sqlite3_file base;
  OpenFile* open;
};

// The gate as SQLite sees it: an errno; 0: done, or to be done if `act`.
struct Outcome {
  bool act = false;
  int error_number = 0;
};

// SQLite may be called while an exception unwinds, so silence after the cut is no option here: it
// would take what was never written for written.
Outcome ask(Disk& disk, const Operation& operation, std::string_view detail = {});
Outcome sync_parent(Disk& disk, const std::string& path);
Outcome remove_name(Disk& disk, const std::string& path);

// The SQLite code to return for an errno, which last_refusal() of this thread then tells.
int refuse(int error_number, int code);
int last_refusal();

const sqlite3_io_methods& io_methods();

}  // namespace spoolmq::test

#pragma once
// Writes the frames of one transaction to SQLite's write-ahead log with one system call. SQLite
// writes each frame as a header of 24 bytes, then a page (sqlite.org/fileformat2.html,
// section 4.1); this gathers them and lets them go with the frame that commits, so that whatever
// the log's file refuses is still the commit's failure. What is gathered belongs to a transaction
// that has not committed: no other connection reads it, and a sync, which may come from another
// thread, has no business with it. Not thread-safe: the connection's.

#include <sqlite3.h>

#include <cstddef>
#include <string>

#include "store/checked_vfs.h"

namespace spoolmq {

class LogBuffer {
 public:
  static constexpr int kFrameHeaderBytes = 24;
  // SQLite's unix VFS takes 128 KiB and more in one write for none at all (os_unix.c,
  // seekAndWriteFd).
  static constexpr std::size_t kMostBytes = std::size_t{31} * (kFrameHeaderBytes + kPageBytes);

  // Instead of the file's xWrite.
  int write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset);
  // Before whatever else touches the file's contents or asks for its size.
  int flush(sqlite3_file* file);

 private:
  std::string frames_;
  sqlite3_int64 begin_ = 0;  // where frames_ go
  int page_bytes_left_ = 0;  // of the frame whose header came last
  bool is_commit_ = false;   // that frame ends a transaction
};

}  // namespace spoolmq

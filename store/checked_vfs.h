#pragma once
// A thin SQLite VFS over another one: it checksums the pages of the index, because SQLite itself
// would read a flipped bit as a message's state. The last 8 bytes of every page of the main
// database file hold the XXH3-64 of the rest, seeded with the page's offset; a page that does not
// verify reads as SQLITE_IOERR_DATA, and the index is rebuilt. Frames of the write-ahead log have
// SQLite's own checksums, which it verifies when it recovers the log; they are written a
// transaction at a time (log_buffer.h).

#include <sqlite3.h>

namespace spoolmq {

inline constexpr int kPageBytes = 4096;
inline constexpr int kPageChecksumBytes = 8;

// The checked twin of `base` (nullptr: SQLite's default), registered on first use. Thread-safe.
const char* checked_vfs(const char* base);

// Before the first page of a database is written through such a VFS: leaves the checksums' room in
// each page.
void leave_room_for_checksums(sqlite3* db);

// Lets go what is gathered for a write-ahead log that was opened through such a VFS. Returns a
// result code of SQLite.
int flush_gathered(sqlite3_file* log);

}  // namespace spoolmq

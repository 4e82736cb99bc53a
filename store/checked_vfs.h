#pragma once
// A thin SQLite VFS over another one: it checksums the pages of the index, because SQLite itself
// would read a flipped bit as a message's state. The last 8 bytes of every page of the main
// database file hold the XXH3-64 of the rest, seeded with the page's offset; a page that does not
// verify reads as SQLITE_IOERR_DATA, and the index is rebuilt. Frames of the write-ahead log have
// SQLite's own checksums, which it verifies when it recovers the log; they are written a transaction
// at a time (log_buffer.h).

namespace spoolmq {

inline constexpr int kPageBytes = 4096;
inline constexpr int kPageChecksumBytes = 8;

// The checked twin of `base` (nullptr: SQLite's default), registered on first use. Thread-safe.
const char* checked_vfs(const char* base);

}  // namespace spoolmq

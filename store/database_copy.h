#pragma once
// Copies of the two databases of a queue, made by SQLite itself (https://sqlite.org/backup.html):
// nobody else ever opens their files. Each is one plain file, without a log, synced.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/file_system.h"
#include "store/sqlite.h"

namespace spoolmq {

// The committed state of the index behind `from` as index.G.db of `to`, which is there and empty.
// The caller sees to it that nobody commits meanwhile.
void copy_index(Db& from, Dir& to, std::uint64_t generation);
// As above, of the index in the directory `from`, which nobody uses.
void copy_index(Dir& from, Dir& to, std::uint64_t generation);
// imports.db, under SQLite's own locks, to the empty file of that name.
void copy_imports(Dir& from, Dir& to);

// What a whole index says of itself, read through and through.
struct IndexDigest {
  std::string damage;         // empty: none
  std::int64_t messages = 0;  // that are not settled
  std::uint64_t ids = 0;      // XXH3 of their ids in ascending order, 16 bytes each, seed 0
};
// Leaves the index as one plain file, without a log.
IndexDigest digest_index(Dir& dir, std::uint64_t generation);
// Whether SQLite finds imports.db in order.
bool imports_are_whole(Dir& dir);

}  // namespace spoolmq

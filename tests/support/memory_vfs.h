#pragma once
// An SQLite VFS whose files are those of in-memory twins: a database opened under the path of a
// twin's directory lives in that twin, and every write, sync, truncation and deletion of it counts,
// fails, is skipped or is cut off there like any other operation. Journals, directory syncs and
// shared memory behave as in SQLite's os_unix.c. Names under no twin go to SQLite's default VFS.
// No PowerCut leaves it, as SQLite is C: the call fails with an I/O error, and the next call of the
// seam, or MemoryFileSystem::throw_if_cut, throws.

namespace spoolmq::test {

// Registers the VFS on the first call. Thread-safe.
const char* memory_vfs_name();

}  // namespace spoolmq::test

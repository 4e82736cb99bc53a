#pragma once
// Importing small files, and the floor under it: what any program must do that moves files into one
// log durably.

#include <string>

namespace spoolmq::bench {

inline constexpr std::size_t kImportFiles = 10'000;  // of 1 KiB each, made and synced before

// Files per second of one import, rule `rename`, from a directory into a queue.
double imports_per_second(const std::string& directory);

// Files per second of: read 256 files, append 256 records with one sync, 256 unlinks, one sync of
// the directory.
double import_floor_per_second(const std::string& directory);

}  // namespace spoolmq::bench

#pragma once
// Importing small files, and the floor under it: what any program must do that moves files into one
// log durably.

#include <cstddef>
#include <string>

namespace spoolmq::bench {

inline constexpr std::size_t kImportFiles = 10'000;  // unless told otherwise

// Files per second of one import, rule `rename`, from a directory into a queue. The files, of
// `bytes` each, were made and synced before.
double imports_per_second(const std::string& directory, std::size_t files, std::size_t bytes);

// Files per second of: read 256 files, append 256 records with one sync, 256 unlinks, one sync of
// the directory.
double import_floor_per_second(const std::string& directory, std::size_t files, std::size_t bytes);

}  // namespace spoolmq::bench

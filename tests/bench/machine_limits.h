#pragma once
// What this disk and this SQLite can do at the moment, in operations per second: the limits that
// the workloads are compared with. Each function works `seconds` in a new file below `directory`.

#include <string>

namespace spoolmq::bench {

inline constexpr std::size_t kBodyBytes = 1024;

// `bytes` appended to a preallocated file, then fdatasync; `processes` do it, a file for each.
double appends_per_second(const std::string& directory, std::size_t bytes, int processes,
                          double seconds);

// New files of 1 KiB, each synced and given its name; the directory is synced after every
// `together` of them. Counts files.
double new_files_per_second(const std::string& directory, int together, double seconds);

// SQLite transactions, synchronous FULL, each of which changes `rows` rows. Counts transactions.
double commits_per_second(const std::string& directory, int rows, double seconds);

}  // namespace spoolmq::bench

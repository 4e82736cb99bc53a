#pragma once
// What this disk and this SQLite can do at the moment, in operations per second: the limits that
// the workloads are compared with. Each function works `seconds` in a new file below `directory`.

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace spoolmq::bench {

// `bytes` appended to a preallocated file, then fdatasync; `processes` do it, a file for each.
double appends_per_second(const std::string& directory, std::size_t bytes, int processes,
                          double seconds);

// One such append at a time, between others' work.
class AppendLimit {
 public:
  AppendLimit(const std::string& directory, std::size_t bytes);
  AppendLimit(const AppendLimit&) = delete;
  AppendLimit& operator=(const AppendLimit&) = delete;
  ~AppendLimit();
  void append();  // and notes how long it took
  [[nodiscard]] const std::vector<double>& took_us() const { return took_us_; }

 private:
  int file_;
  off_t at_ = 0;
  std::string body_;
  std::vector<double> took_us_;
};

// New files of `bytes`, each synced and given its name; the directory is synced after every
// `together` of them. Counts files.
double new_files_per_second(const std::string& directory, std::size_t bytes, int together,
                            double seconds);
// One by one, each with its directory's sync, by so many threads at once.
double new_files_by_threads_per_second(const std::string& directory, std::size_t bytes, int threads,
                                       double seconds);

// SQLite transactions, synchronous FULL, each of which changes `rows` rows. Counts transactions.
double commits_per_second(const std::string& directory, int rows, double seconds);

}  // namespace spoolmq::bench

#pragma once
// A directory on the real disk for the length of one measurement, and what is measured with.

#include <string>
#include <vector>

namespace spoolmq::bench {

// Made below `parent` with a unique name; removed, with everything in it, at the end.
class Place {
 public:
  // Throws std::runtime_error where `parent` is a file system in memory: its syncs cost nothing.
  explicit Place(const std::string& parent);
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Throws std::runtime_error with errno's text unless `good`.
void must(bool good, const char* what);

// CLOCK_MONOTONIC, comparable between processes.
double now_seconds();

// The middle one; of an even number the lower of the two. 0 of none.
double median(std::vector<double> values);

// The value that `share` (0 … 1) of the others do not exceed.
double percentile(std::vector<double> values, double share);

}  // namespace spoolmq::bench

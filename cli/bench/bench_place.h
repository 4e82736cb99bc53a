#pragma once
// A directory on the real disk for the length of one measurement, and what is measured with.

#include <string>
#include <string_view>
#include <vector>

#include "spoolmq/error.h"

namespace spoolmq::bench {

// Made below `parent` with a unique name; removed, with everything in it, at the end.
class Place {
 public:
  // Throws Error; kConfiguration where `parent` is a file system in memory: its syncs cost nothing.
  explicit Place(const std::string& parent);
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What a measurement that went wrong throws (kIo).
Error failed(std::string_view why);

// Throws Error with errno unless `good`; `what` was tried.
void must(bool good, const char* what);

// CLOCK_MONOTONIC, comparable between processes.
double now_seconds();

// The middle one; of an even number the lower of the two. 0 of none.
double median(std::vector<double> values);

// The value that `share` (0 … 1) of the others do not exceed.
double percentile(std::vector<double> values, double share);

}  // namespace spoolmq::bench

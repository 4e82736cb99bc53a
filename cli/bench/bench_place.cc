#include "cli/bench/bench_place.h"

#include <linux/magic.h>
#include <sys/statfs.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <system_error>

namespace spoolmq::bench {

Place::Place(const std::string& parent) {
  struct statfs status {};
  if (::statfs(parent.c_str(), &status) != 0) {
    throw Error::from_errno(errno, "measure", parent);
  }
  if (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC) {
    throw Error(ErrorCode::kConfiguration, "measure", parent,
                "a file system in memory, whose syncs cost nothing: give --dir");
  }
  path_ = parent + "/spoolmq-bench-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) {
    throw Error::from_errno(errno, "make a directory", path_);
  }
}

Place::~Place() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Error failed(std::string_view why) { return {ErrorCode::kIo, "measure", "benchmark", why}; }

void must(bool good, const char* what) {
  if (!good) throw Error::from_errno(errno, what, "for a measurement");
}

double now_seconds() {
  struct timespec now {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double median(std::vector<double> values) { return percentile(std::move(values), 0.5); }

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(share * static_cast<double>(values.size()));
  const auto at = static_cast<std::size_t>(std::max(rank - 1, 0.0));
  return values[std::min(at, values.size() - 1)];
}

}  // namespace spoolmq::bench

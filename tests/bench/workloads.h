#pragma once
// The workloads, each as a user would write it with the library: durable, bodies of 1 KiB.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace spoolmq::bench {

// One measurement in a new directory; work takes about `seconds`.
struct Conditions {
  std::string directory;
  double seconds = 1;
};

// Messages per second, and the limit of the machine in messages per second, measured right before.
struct Workload {
  std::string_view name;
  std::string_view limit_name;
  std::function<double(const Conditions&)> run;
  std::function<double(const Conditions&)> limit;
};
const std::vector<Workload>& workloads();

}  // namespace spoolmq::bench

#pragma once
// From the sender's call, through the disk, to the return of a receiver that was waiting in another
// process: bodies of 1 KiB, 2 ms apart, through a queue and through what users would take instead
// (where it is installed). Between two messages one append and fdatasync is timed, the limit.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/channel.h"

namespace spoolmq::bench {

struct LatencyWorkload {
  std::string_view name;
  // Everything it keeps lies below the directory. nullptr: it is not installed.
  std::unique_ptr<Channel> (*make)(const std::string& directory, std::size_t body_bytes);
};
const std::vector<LatencyWorkload>& latency_workloads();

struct Latency {
  double p50_us = 0;
  double p99_us = 0;
  double send_p50_us = 0;  // of the sender's call alone
  double append_p50_us = 0;
};
Latency measure_latency(Channel& channel, const std::string& directory);

}  // namespace spoolmq::bench

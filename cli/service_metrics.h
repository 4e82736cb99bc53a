#pragma once
// What the service adds to the counts of its queues (prometheus.h): itself and its adapters, in the
// same text format. Pure.

#include <cstdint>
#include <span>
#include <string>

#include "cli/adapter_runner.h"

namespace spoolmq::cli {

struct ServiceFacts {
  std::int64_t started_wall_ms = 0;
  std::int64_t queues_swept = 0;
  bool config_ok = true;  // the file as it is now is what runs
};

std::string service_metrics_text(const ServiceFacts& facts,
                                 std::span<const AdapterStatus> adapters);

}  // namespace spoolmq::cli

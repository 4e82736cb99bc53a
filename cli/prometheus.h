#pragma once
// The counts of queues in the Prometheus text format, version 0.0.4: families with HELP and TYPE,
// the samples of one family together. Pure.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "spoolmq/queue.h"

namespace spoolmq::cli {

struct NamedStats {
  std::string queue;
  QueueStats stats;
  bool receive_paused = false;
  bool send_paused = false;
};

std::string prometheus_text(std::span<const NamedStats> queues, std::int64_t now_ms);

// A label's value with backslash, quote and line end escaped.
std::string prometheus_label(std::string_view value);

}  // namespace spoolmq::cli

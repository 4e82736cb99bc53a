#pragma once
// --follow: one adapter, run as the service runs it (adapter_runner.h) but in the thread of a
// command and with a watcher of its own, until SIGINT or SIGTERM.

#include <functional>
#include <memory>

#include "adapters/adapter.h"
#include "cli/service_config.h"
#include "cli/stop_signals.h"
#include "core/clock.h"
#include "spoolmq/queue.h"

namespace spoolmq::cli {

struct FollowPlan {
  AdapterConfig config;
  Root* root = nullptr;
  const Clock* clock = nullptr;
  std::function<std::unique_ptr<adapters::Adapter>(const AdapterConfig&, adapters::AdapterPlace)>
      make;
  // A bridge that is to come to its end: the first failure is the command's, and Turn::over ends
  // it.
  bool once = false;
};

// Returns when a signal came and the adapter has ended, or it was over. Throws what stops it for
// good.
void follow(const StopSignals& signals, const FollowPlan& plan);

}  // namespace spoolmq::cli

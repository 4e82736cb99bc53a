#pragma once
// The bridge `exec`: programs that handle the messages of a queue (PROTOCOL.md, `exec`).

#include <memory>
#include <span>
#include <string>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"

namespace spoolmq::adapters {

// Throws Error(kUsage).
std::shared_ptr<const BridgePlan> parse_exec(std::string queue, std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

#pragma once
// Where a relay takes messages to, as the keys of spoolmq.toml and the command's options say it.

#include <memory>
#include <span>
#include <string>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"

namespace spoolmq::adapters {

struct RelaySettings {
  std::string to_queue;
  std::string to_root;  // absolute; empty: the same root
};

std::span<const AdapterKey> relay_keys();
// Throws Error(kUsage).
std::shared_ptr<const BridgePlan> parse_relay(std::string queue, std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

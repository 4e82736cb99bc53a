#pragma once
// What one forward does, as the keys of spoolmq.toml say it. A plain value.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"
#include "adapters/destination_template.h"
#include "adapters/stomp_client_settings.h"

namespace spoolmq::adapters {

struct ForwardSettings : StompClientSettings {
  DestinationTemplate destination = DestinationTemplate::parse("/queue/{queue}");
  std::vector<std::string> passed;  // of a message's headers; empty: all
};

std::span<const AdapterKey> forward_keys();
// Both throw Error(kUsage).
ForwardSettings parse_forward_settings(std::span<const KeyValue> given);
std::shared_ptr<const BridgePlan> plan_forward(std::string queue, std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

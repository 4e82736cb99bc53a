#pragma once
// What one fetch does, as the keys of spoolmq.toml say it. A plain value.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"
#include "adapters/destination_template.h"
#include "adapters/stomp_client_settings.h"

namespace spoolmq::adapters {

struct FetchSettings : StompClientSettings {
  DestinationTemplate destination = DestinationTemplate::parse("/queue/{queue}");
  std::int64_t quiet_ms = 2000;  // with `once`: nothing came for so long
};

std::span<const AdapterKey> fetch_keys();
// Both throw Error(kUsage).
FetchSettings parse_fetch_settings(std::span<const KeyValue> given);
std::shared_ptr<const BridgePlan> plan_fetch(std::string queue, std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

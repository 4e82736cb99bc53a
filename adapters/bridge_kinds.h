#pragma once
// The table of bridges to the kernel's facilities. Each row is an adapter type of spoolmq.toml and
// a command of the same name, with the same keys: `spoolmq TYPE Q --KEY VALUE …`.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"

namespace spoolmq::adapters {

struct BridgeKind {
  std::string_view type;     // "fifo-in"
  std::string_view summary;  // one line, what it does with Q
  std::string_view example;  // of the command
  std::span<const AdapterKey> (*keys)();
  // Throws Error(kUsage), its subject being the `where` of the value that is refused.
  std::shared_ptr<const BridgePlan> (*parse)(std::string queue, std::span<const KeyValue> given);
};

std::span<const BridgeKind> bridge_kinds();

}  // namespace spoolmq::adapters

#pragma once
// The table of bridges to the kernel's facilities. Each row is an adapter type of spoolmq.toml and
// a command of the same name, with the same keys: `spoolmq TYPE Q --KEY VALUE …`,
// without Q where the other side names queues.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"

namespace spoolmq::adapters {

// Whether it stands between one queue and another side, or its other side names queues.
enum class OfQueue : std::uint8_t { kOne, kMany };

struct BridgeKind {
  std::string_view type;     // "fifo-in"
  std::string_view summary;  // one line, what it does with Q
  std::string_view example;  // of the command
  std::span<const AdapterKey> (*keys)();
  // Throws Error(kUsage), its subject being the `where` of the value that is refused.
  // Of kMany `queue` is empty.
  std::shared_ptr<const BridgePlan> (*parse)(std::string queue, std::span<const KeyValue> given);
  OfQueue of_queue = OfQueue::kOne;
};

std::span<const BridgeKind> bridge_kinds();
// Of an adapter that was given none: "fifo-in-orders", "stomp".
std::string default_name(std::string_view type, std::string_view queue);

}  // namespace spoolmq::adapters

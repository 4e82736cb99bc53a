#include "adapters/bridge_kinds.h"

#include <vector>

namespace spoolmq::adapters {

// One row per bridge, in the order in which help lists them.
std::span<const BridgeKind> bridge_kinds() {
  static const std::vector<BridgeKind> kinds{};
  return kinds;
}

}  // namespace spoolmq::adapters

#pragma once
// The queue of a bridge, under the bridge's name.

#include <string>

#include "adapters/adapter.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// Throws Error(kNotFound) where there is none.
inline Queue open_bridge_queue(const AdapterPlace& place, const std::string& queue) {
  OpenOptions options;
  options.name = place.name;
  return place.root->open_queue(queue, options);
}

}  // namespace spoolmq::adapters

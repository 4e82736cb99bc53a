#pragma once
// What a bridge of the spoolmq binary costs: the binary runs as a program of its own, the other
// side is this process, everything is durable.

#include <string>

#include "tests/bench/bridge_peer.h"

namespace spoolmq::bench {

struct BridgeFigures {
  // In: from handing a message over to the answer that it is durable. Out: from the call of send,
  // which makes it durable, to its arrival at the peer.
  double p50_us = 0;
  // In: confirmed. Out: of those that wait in the queue, handed over and acknowledged.
  double per_second = 0;
};

// One bridge, on a new root below `directory`. Throws std::runtime_error.
BridgeFigures measure_bridge(const std::string& spoolmq, const std::string& directory,
                             const BridgeKind& kind, Way way);

// The same of a program that goes on and answers each line; its latency is that from the call of
// send to the acknowledgement.
BridgeFigures measure_program(const std::string& spoolmq, const std::string& directory);

}  // namespace spoolmq::bench

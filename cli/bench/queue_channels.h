#pragma once
// The ways through a queue that its users wait at, as channels.

#include <memory>
#include <string>

#include "cli/bench/channel.h"

namespace spoolmq::bench {

// Blocking receive on a bound lease; the acknowledgement is not timed. Makes the queue.
std::unique_ptr<Channel> receive_channel(const std::string& directory, std::size_t body_bytes);
// A tail that sleeps: no lease, no acknowledgement.
std::unique_ptr<Channel> tail_channel(const std::string& directory, std::size_t body_bytes);

// Durable messages 2 ms apart on any cores; between two of them an append of as many bytes and
// fdatasync is timed, the limit.
struct Latency {
  double p50_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  double send_p50_us = 0;  // of the sender's call alone
  double append_p50_us = 0;
};
Latency measure_latency(Channel& channel, const std::string& directory, std::size_t body_bytes,
                        int messages);
inline constexpr int kLatencyMessages = 500;

}  // namespace spoolmq::bench

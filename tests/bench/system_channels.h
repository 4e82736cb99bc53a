#pragma once
// What is there already to hand bytes to another process, each with a receiver that blocks. None
// of it outlives its processes or has more than one reader of the same message: the hot cache is
// compared with the way alone.

#include <memory>
#include <string_view>
#include <vector>

#include "tests/bench/channel.h"

namespace spoolmq::bench {

struct SystemChannel {
  std::string_view name;
  std::unique_ptr<Channel> (*make)(std::size_t body_bytes);
};
// Boost.Interprocess message_queue, pipe(2), socketpair(2), mq_overview(7).
const std::vector<SystemChannel>& system_channels();

}  // namespace spoolmq::bench

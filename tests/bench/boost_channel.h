#pragma once
// Boost.Interprocess message_queue; only where Boost is installed.

#include <memory>

#include "cli/bench/channel.h"

namespace spoolmq::bench {

std::unique_ptr<Channel> boost_channel(std::size_t body_bytes);

}  // namespace spoolmq::bench

#pragma once
// Queues of others that are durable before they confirm, set to be as strict as they can, spoken to
// over a Unix socket. nullptr: not installed (Debian packages beanstalkd, redis-server).

#include <memory>
#include <string>

#include "cli/bench/channel.h"

namespace spoolmq::bench {

// -f0: every job is synced before "INSERTED".
std::unique_ptr<Channel> beanstalkd_channel(const std::string& directory, std::size_t body_bytes);

// A stream with a consumer group; appendfsync always.
std::unique_ptr<Channel> redis_channel(const std::string& directory, std::size_t body_bytes);

}  // namespace spoolmq::bench

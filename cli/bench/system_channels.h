#pragma once
// What is there already to hand bytes to another process, each with a receiver that blocks. None
// of it outlives a reboot or tells its sender that a message was taken: it is compared with the way
// alone.

#include <memory>
#include <string_view>
#include <vector>

#include "cli/bench/channel.h"

namespace spoolmq::bench {

struct SystemChannel {
  std::string_view name;
  std::unique_ptr<Channel> (*make)(std::size_t body_bytes);
};

const std::vector<SystemChannel>& stream_channels();  // pipe(7), fifo(7), unix(7), tcp(7)
const std::vector<SystemChannel>& record_channels();  // unix(7), udp(7), mq_overview(7), svipc(7)
const std::vector<SystemChannel>& buffer_channels();  // shared memory and its synchronisation

}  // namespace spoolmq::bench

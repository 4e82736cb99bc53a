#pragma once
// What one socket-in does, as the keys of spoolmq.toml say it. A plain value.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"
#include "adapters/frame_codec.h"
#include "adapters/reception.h"

namespace spoolmq::adapters {

struct SocketInSettings {
  ReceptionRules reception;
  FrameRules frames;
  bool answers = false;
  bool takes_unended = false;                       // a last line or record without its end
  std::uint64_t most_unfinished_bytes = 256 << 20;  // of all frames that are not whole yet
  std::int64_t idle_ms = 0;                         // 0: for ever
  std::int64_t frame_ms = 0;                        // from its first byte to its last; likewise
  std::int64_t handshake_ms = 10'000;
};

std::span<const AdapterKey> socket_in_keys();
// Throws Error(kUsage); kConfiguration for an address that other machines reach and may not.
SocketInSettings parse_socket_in_settings(std::span<const KeyValue> given);
std::shared_ptr<const BridgePlan> plan_socket_in(std::string queue,
                                                 std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

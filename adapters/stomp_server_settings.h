#pragma once
// What one STOMP server does, as the keys of spoolmq.toml say it. A plain value.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "adapters/access_settings.h"
#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"
#include "adapters/reception.h"
#include "adapters/stomp_codec.h"
#include "adapters/stomp_desk.h"
#include "adapters/stomp_session.h"

namespace spoolmq::adapters {

struct StompServerSettings {
  ReceptionRules reception;
  StompLimits frames;
  StompSessionLimits session;
  AccessSettings access;
  std::uint64_t most_unfinished_bytes = 256 << 20;  // of all frames that are not whole yet
  std::int64_t handshake_ms = 10'000;               // to the end of CONNECT
  std::int64_t frame_ms = 120'000;                  // from its first byte to its last; 0: for ever
  [[nodiscard]] StompDeskRules desk_rules() const { return {.most_body_bytes = frames.body_bytes}; }
  std::int64_t idle_ms = 0;  // of a client without heart-beats; likewise
};

std::span<const AdapterKey> stomp_server_keys();
// Throws Error(kUsage); kConfiguration for an address that other machines reach and may not.
StompServerSettings parse_stomp_server_settings(std::span<const KeyValue> given);
std::shared_ptr<const BridgePlan> plan_stomp_server(std::string queue,
                                                    std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

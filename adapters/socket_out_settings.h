#pragma once
// What one socket-out does, as the keys of spoolmq.toml say it. A plain value.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"
#include "adapters/frame_codec.h"
#include "adapters/peer.h"
#include "adapters/socket_address.h"
#include "adapters/tls.h"

namespace spoolmq::adapters {

struct SocketOutSettings {
  std::string path;                 // or
  std::vector<HostPort> addresses;  // tried in turn
  AllowedPeers allowed;             // of whom the path must be
  FrameRules frames{FrameKind::kLine, 64 << 20};
  bool answers = false;
  std::size_t window = 64;  // messages under way
  std::int64_t answer_ms = 60'000;
  std::int64_t connect_ms = 10'000;
  std::int64_t silence_ms = 30'000;  // then a peer that vanished is noticed
  bool has_tls = false;
  std::string tls_name;  // empty: the host that was connected to
  TlsFiles tls;

  [[nodiscard]] std::string place_text() const;
};

std::span<const AdapterKey> socket_out_keys();
// Throws Error(kUsage).
SocketOutSettings parse_socket_out_settings(std::span<const KeyValue> given);
std::shared_ptr<const BridgePlan> plan_socket_out(std::string queue,
                                                  std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

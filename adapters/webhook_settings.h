#pragma once
// What one webhook does, as the keys of spoolmq.toml say it. A plain value.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"
#include "adapters/tls.h"

namespace spoolmq::adapters {

struct WebhookSettings {
  std::string url;
  std::size_t concurrency = 8;  // requests under way
  std::int64_t timeout_ms = 30'000;
  std::int64_t connect_ms = 10'000;
  std::uint64_t most_bytes = 64 << 20;  // of a body
  std::string content_type;             // where the message has none
  std::string secret_file;
  std::string headers_file;
  TlsFiles tls;
  std::string proxy;
  long redirects = 0;
  bool insecure = false;
};

std::span<const AdapterKey> webhook_keys();
// Throws Error(kUsage).
WebhookSettings parse_webhook_settings(std::span<const KeyValue> given);
std::shared_ptr<const BridgePlan> plan_webhook(std::string queue, std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

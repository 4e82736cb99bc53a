#pragma once
// Whom to signal, as the keys of spoolmq.toml and the command's options say it.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"
#include "adapters/notified_process.h"

namespace spoolmq::adapters {

inline constexpr std::size_t kMaxNotified = 256;

// The processes are held from here on: what the settings name is what was running when they were
// read, also for an adapter that is made of them later.
struct NotifySettings {
  std::vector<std::shared_ptr<const NotifiedProcess>> processes;
};

std::span<const AdapterKey> notify_keys();
// Throws Error(kUsage).
std::shared_ptr<const BridgePlan> parse_notify(std::string queue, std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

#pragma once
// What shm-in and shm-out are told. Plain values.

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"
#include "adapters/shm_segment.h"
#include "adapters/shm_sync.h"

namespace spoolmq::adapters {

inline constexpr std::size_t kMostShmWindow = 1024;

struct ShmSettings {
  ShmPlace place;
  shm::Shape wished{shm::Sync::kMutex, 64, 64 + (64 << 10)};
  ShmSyncSettings sync;
  std::size_t window = 64;
  std::optional<std::uint32_t> mode;
  bool create = false;
  bool remove = false;

  [[nodiscard]] ShmOpening opening() const;
};

std::span<const AdapterKey> shm_in_keys();
std::span<const AdapterKey> shm_out_keys();
// Throw Error(kUsage), as BridgeKind::parse.
std::shared_ptr<const BridgePlan> parse_shm_in(std::string queue, std::span<const KeyValue> given);
std::shared_ptr<const BridgePlan> parse_shm_out(std::string queue, std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

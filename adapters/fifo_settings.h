#pragma once
// What one bridge of a FIFO does, as its keys say it. A plain value.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"
#include "adapters/fifo_file.h"
#include "adapters/frame_codec.h"
#include "adapters/received_format.h"

namespace spoolmq::adapters {

struct FifoSettings {
  FifoRules fifo;
  std::optional<FifoRules> answers;  // given: the acknowledged variant
  FrameRules framing;
  ReceivedFormat format = ReceivedFormat::kRaw;  // in
  std::size_t window = 0;                        // out: messages that are under way at a time
  std::int64_t answer_timeout_ms = 0;            // out: 0: as long as the reader lives
};

std::span<const AdapterKey> fifo_in_keys();
std::span<const AdapterKey> fifo_out_keys();

// Check each value, and what goes together. Throw Error(kUsage).
FifoSettings parse_fifo_in_settings(std::span<const KeyValue> given);
FifoSettings parse_fifo_out_settings(std::span<const KeyValue> given);

std::shared_ptr<const BridgePlan> plan_fifo_in(std::string queue, std::span<const KeyValue> given);
std::shared_ptr<const BridgePlan> plan_fifo_out(std::string queue, std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

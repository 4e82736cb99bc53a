#pragma once
// What a bridge to a message queue of the kernel's is told, and the keys of mq-in, mq-out, sysv-in
// and sysv-out. Plain values.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"
#include "adapters/message_box.h"
#include "core/clock.h"

namespace spoolmq::adapters {

inline constexpr std::size_t kDefaultBoxWindow = 64;
inline constexpr std::size_t kMostBoxWindow = 1024;
inline constexpr std::int64_t kDefaultAnswerWithinMs = 60'000;

struct BoxSettings {
  using Open = std::function<std::unique_ptr<MessageBox>(const Clock&)>;
  Open open;
  Open open_answers;    // empty: the bridge is not acknowledged
  bool tagged = false;  // each message, and its answer, begins with a word and a blank
  std::size_t window = kDefaultBoxWindow;
  std::int64_t answer_within_ms = kDefaultAnswerWithinMs;  // out
};

std::span<const AdapterKey> mq_in_keys();
std::span<const AdapterKey> mq_out_keys();
std::span<const AdapterKey> sysv_in_keys();
std::span<const AdapterKey> sysv_out_keys();

using BridgePlanPointer = std::shared_ptr<const BridgePlan>;
// Each throws Error(kUsage), as BridgeKind::parse.
BridgePlanPointer parse_mq_in(std::string queue, std::span<const KeyValue> given);
BridgePlanPointer parse_mq_out(std::string queue, std::span<const KeyValue> given);
BridgePlanPointer parse_sysv_in(std::string queue, std::span<const KeyValue> given);
BridgePlanPointer parse_sysv_out(std::string queue, std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

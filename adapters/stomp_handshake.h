#pragma once
// What a CONNECT or STOMP frame asks for, and what it gets. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "adapters/stomp_frame.h"
#include "adapters/stomp_refusal.h"

namespace spoolmq::adapters {

// Milliseconds; 0: none.
struct StompHeartBeat {
  std::int64_t ours_ms = 0;    // we send something at least that often
  std::int64_t theirs_ms = 0;  // the client does
  bool operator==(const StompHeartBeat&) const = default;
};
// More often is not asked for, nor promised.
inline constexpr std::int64_t kLeastHeartBeatMs = 100;

struct StompHandshake {
  StompVersion version = StompVersion::k10;  // the highest that both know
  StompHeartBeat heart_beat;
  bool operator==(const StompHandshake&) const = default;
};
std::variant<StompHandshake, StompRefusal> stomp_handshake(const StompFrame& connect);

StompFrame stomp_connected(const StompHandshake& handshake, std::string_view session);

}  // namespace spoolmq::adapters

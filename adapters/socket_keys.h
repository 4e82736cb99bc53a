#pragma once
// Values that the keys of socket-in and socket-out have in common. Each parser throws bad_value.

#include <string>

#include "adapters/adapter_keys.h"
#include "adapters/frame_codec.h"
#include "adapters/socket_address.h"

namespace spoolmq::adapters {

inline constexpr std::size_t kLargestFrameBytes = 1 << 30;

HostPort parse_address(const KeyValue& given);
FrameKind parse_framing(const KeyValue& given);
std::size_t parse_frame_bytes(const KeyValue& given);
std::int64_t parse_some_time(const KeyValue& given);  // a duration that is not 0, milliseconds

std::string parse_host_name(const KeyValue& given);      // that a certificate must be for

// A certificate and its key go together. Throws clash.
void check_certificate(std::span<const KeyValue> given);
// What whoever connects says of TLS needs `tls`. Throws clash.
void check_client_tls(std::span<const KeyValue> given, bool has_tls);
// One of these is given. Throws Error(kUsage), for two of them clash.
void check_one_of(std::span<const KeyValue> given, std::span<const std::string_view> keys,
                  std::string_view type);

}  // namespace spoolmq::adapters

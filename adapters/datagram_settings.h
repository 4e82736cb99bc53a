#pragma once
// What one bridge of datagrams does, as its keys say it. A plain value.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"
#include "adapters/datagram_address.h"
#include "adapters/received_format.h"

namespace spoolmq::adapters {

enum class Answered : std::uint8_t { kNo, kYes };

struct DatagramSettings {
  std::string unix_path;  // empty: UDP
  HostAndPort udp;
  std::string place;  // the one that was given, for people and for the header `source`
  std::size_t most_bytes = 0;
  Answered answered = Answered::kNo;  // keyed_datagram.h
  bool insecure = false;              // UDP beyond this machine
  // In:
  std::uint32_t mode = 0600;
  std::optional<std::vector<std::uint32_t>> allowed_users;
  std::size_t receive_buffer = 0;  // bytes; 0: the system's
  ReceivedFormat format = ReceivedFormat::kRaw;
  // Out:
  std::size_t window = 64;
  std::int64_t answer_timeout_ms = 1000;  // then it is sent again
};

std::span<const AdapterKey> datagram_in_keys();
std::span<const AdapterKey> datagram_out_keys();

// Check each value, and what goes together. Throw Error(kUsage).
DatagramSettings parse_datagram_in_settings(std::span<const KeyValue> given);
DatagramSettings parse_datagram_out_settings(std::span<const KeyValue> given);

// Throws Error(kConfiguration) where the address is another machine's, and not insecure.
DatagramAddress resolve(const DatagramSettings& settings, AddressUse use);

std::shared_ptr<const BridgePlan> plan_datagram_in(std::string queue,
                                                   std::span<const KeyValue> given);
std::shared_ptr<const BridgePlan> plan_datagram_out(std::string queue,
                                                    std::span<const KeyValue> given);

}  // namespace spoolmq::adapters

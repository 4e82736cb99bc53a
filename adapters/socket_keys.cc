#include "adapters/socket_keys.h"

#include <algorithm>

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostNameBytes = 253;

}  // namespace

HostPort parse_address(const KeyValue& given) {
  const auto place = parse_host_port(given.value);
  if (!place) {
    throw bad_value(given, "not an address such as 127.0.0.1:9000 [::1]:9000 host.example:9000");
  }
  return *place;
}

FrameKind parse_framing(const KeyValue& given) {
  return static_cast<FrameKind>(parse_choice(given, kFrameWords));
}

std::size_t parse_frame_bytes(const KeyValue& given) {
  const std::uint64_t bytes = parse_bytes(given);
  if (bytes == 0 || bytes > kLargestFrameBytes) throw bad_value(given, "not from 1 to 1G");
  return bytes;
}

std::int64_t parse_some_time(const KeyValue& given) {
  const std::int64_t duration_ms = parse_duration_ms(given);
  if (duration_ms == 0) throw bad_value(given, "it must be more than 0");
  return duration_ms;
}

std::string parse_host_name(const KeyValue& given) {
  if (given.value.empty() || given.value.size() > kMostNameBytes ||
      given.value.find('\0') != std::string::npos) {
    throw bad_value(given, "not the name of a host");
  }
  return given.value;
}

void check_certificate(std::span<const KeyValue> given) {
  const KeyValue* const certificate = find_value(given, "tls-certificate");
  const KeyValue* const key = find_value(given, "tls-key");
  if (certificate != nullptr && key == nullptr) throw clash(*certificate, "it needs tls-key");
  if (key != nullptr && certificate == nullptr) throw clash(*key, "it needs tls-certificate");
}

void check_client_tls(std::span<const KeyValue> given, bool has_tls) {
  for (const std::string_view key : {"tls-ca", "tls-name", "tls-certificate"}) {
    const KeyValue* const found = find_value(given, key);
    if (found != nullptr && !has_tls) throw clash(*found, "it needs tls");
  }
}

void check_one_of(std::span<const KeyValue> given, std::span<const std::string_view> keys,
                  std::string_view type) {
  std::string all;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (std::size_t j = i + 1; j < keys.size(); ++j) refuse_both(given, keys[i], keys[j]);
    all.append(i == 0 ? "" : i + 1 == keys.size() ? " or " : ", ").append(keys[i]);
  }
  const bool any = std::ranges::any_of(
      keys, [given](std::string_view key) { return find_value(given, key) != nullptr; });
  if (!any) {
    throw Error(ErrorCode::kUsage, kClashOperation, all, std::string(type) + " needs one of them");
  }
}

}  // namespace spoolmq::adapters

#pragma once
// Little-endian integers and ids in byte spans: the one way bytes on disk become numbers and back.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "core/check.h"
#include "spoolmq/id.h"

namespace spoolmq {

static_assert(std::endian::native == std::endian::little, "files are little-endian, as the host");

template <typename T>
requires std::is_integral_v<T> T load_le(std::span<const std::byte> bytes, std::size_t offset) {
  SPOOLMQ_CHECK(offset + sizeof(T) <= bytes.size());
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <typename T>
requires std::is_integral_v<T>
void store_le(std::span<std::byte> bytes, std::size_t offset, T value) {
  SPOOLMQ_CHECK(offset + sizeof(T) <= bytes.size());
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

inline MessageId load_id(std::span<const std::byte> bytes, std::size_t offset) {
  SPOOLMQ_CHECK(offset + MessageId::kBytes <= bytes.size());
  std::array<std::uint8_t, MessageId::kBytes> id;
  std::memcpy(id.data(), bytes.data() + offset, id.size());
  return MessageId(id);
}

inline void store_id(std::span<std::byte> bytes, std::size_t offset, const MessageId& id) {
  SPOOLMQ_CHECK(offset + MessageId::kBytes <= bytes.size());
  std::memcpy(bytes.data() + offset, id.bytes().data(), MessageId::kBytes);
}

}  // namespace spoolmq

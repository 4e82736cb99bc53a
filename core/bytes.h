#pragma once
// Little-endian integers in byte spans: the one way bytes on disk become numbers and back.

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

#include "core/check.h"

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

}  // namespace spoolmq

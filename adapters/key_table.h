#pragma once
// The keys of an adapter as a constexpr table: what each is called, and how its value gets into the
// settings. One table serves spoolmq.toml, the options of the command and their refusals.
//
//   constexpr auto kTable = std::to_array<KeyRow<FifoSettings>>({ {{"path", "PATH", "…"},
//   read_path} }); std::span<const AdapterKey> fifo_keys() { static constexpr auto keys =
//   keys_of(kTable); return keys; } … read_keys(settings, given, kTable, "fifo-in");

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>

#include "adapters/adapter_keys.h"

namespace spoolmq::adapters {

template <typename Settings>
struct KeyRow {
  AdapterKey key;
  void (*read)(Settings&, const KeyValue&);  // throws bad_value
};

template <typename Settings, std::size_t kSize>
constexpr std::array<AdapterKey, kSize> keys_of(const std::array<KeyRow<Settings>, kSize>& table) {
  std::array<AdapterKey, kSize> keys{};
  for (std::size_t i = 0; i < kSize; ++i) keys[i] = table[i].key;
  return keys;
}

// One table of two: its own rows, then those that several adapters share.
template <typename Settings, std::size_t kFirst, std::size_t kSecond>
constexpr std::array<KeyRow<Settings>, kFirst + kSecond> join_rows(
    const std::array<KeyRow<Settings>, kFirst>& first,
    const std::array<KeyRow<Settings>, kSecond>& second) {
  std::array<KeyRow<Settings>, kFirst + kSecond> all{};
  std::ranges::copy(first, all.begin());
  std::ranges::copy(second, all.begin() + kFirst);
  return all;
}

template <typename Settings, std::size_t kSize>
void read_keys(Settings& settings, std::span<const KeyValue> given,
               const std::array<KeyRow<Settings>, kSize>& table, std::string_view type) {
  for (const KeyValue& value : given) {
    const auto row = std::ranges::find_if(
        table, [&value](const KeyRow<Settings>& one) { return one.key.name == value.key; });
    if (row == table.end()) throw bad_value(value, std::string(type) + " has no such key");
    row->read(settings, value);
  }
}

// Throws where none of that name was given.
inline const KeyValue& required_value(std::span<const KeyValue> given, std::string_view key,
                                      std::string_view type) {
  if (const KeyValue* const found = find_value(given, key)) return *found;
  throw Error(ErrorCode::kUsage, kClashOperation, key, std::string(type) + " needs it");
}

}  // namespace spoolmq::adapters

#pragma once
// One frame of STOMP 1.0, 1.1 or 1.2 (stomp.github.io). A plain value, not yet escaped.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace spoolmq::adapters {

enum class StompVersion : std::uint8_t { k10, k11, k12 };
// "1.0" "1.1" "1.2"
std::string_view stomp_version_text(StompVersion version);

struct StompHeader {
  std::string name;
  std::string value;
  bool operator==(const StompHeader&) const = default;
};

struct StompFrame {
  std::string command;
  std::vector<StompHeader> headers;  // in their order; of a repeated name the first one counts
  std::string body;

  // The value that counts; null: it was not given.
  [[nodiscard]] const std::string* header(std::string_view name) const;
  void add(std::string_view name, std::string_view value) {
    headers.push_back({std::string(name), std::string(value)});
  }
  bool operator==(const StompFrame&) const = default;
};

}  // namespace spoolmq::adapters

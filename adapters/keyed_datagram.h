#pragma once
// Datagrams that are answered: nothing keeps them in order, or from being lost, so each carries a
// key of its sender's, and its answer names that key.
//   KEY " " BODY          KEY: 1 to 128 printable ASCII characters without a blank
//   ok KEY [ID]           and the other words of answer_line.h, then KEY, then WHY
// Whoever gets no answer sends the same datagram again, with the same key. Pure.

#include <optional>
#include <string>
#include <string_view>

#include "adapters/answer_line.h"

namespace spoolmq::adapters {

inline constexpr std::size_t kMostKeyBytes = 128;

struct KeyedDatagram {
  std::string_view key;
  std::string_view body;
};

// nullopt: there is no key at its front.
std::optional<KeyedDatagram> parse_keyed(std::string_view bytes);

struct KeyedAnswer {
  std::string key;
  Answer answer;  // its text is what stands behind the key
};

std::optional<KeyedAnswer> parse_keyed_answer(std::string_view line);
std::string keyed_answer_line(Verdict verdict, std::string_view key, std::string_view text);

}  // namespace spoolmq::adapters

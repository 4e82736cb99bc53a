#pragma once
// One character of UTF-8 at a time, for the loops that need more than a yes or no.

#include <string_view>

namespace spoolmq {

struct Utf8Char {
  char32_t code = 0;
  unsigned length = 0;  // bytes; 0: the bytes at the front are not well-formed
};

// The first character of a non-empty `bytes`: Unicode 15 table 3-7 (the same set as RFC 3629).
inline Utf8Char front_utf8(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xC2 || first > 0xF4) return {};
  const unsigned length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (bytes.size() < length) return {};
  // Overlong forms, surrogates and what lies above U+10FFFF all show in the second byte.
  const unsigned second_low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned second_high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < second_low || byte(1) > second_high) return {};
  char32_t code = first & (0x7FU >> length);
  for (unsigned i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3FU);
  }
  return {code, length};
}

}  // namespace spoolmq

#pragma once
// The character classes of XML 1.0, fifth edition, that both the scanner and the encoder go by.

#include <string_view>

namespace spoolmq::xml {

inline bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }  // [3] S

// ASCII without its control characters: most of what is ever seen.
inline bool is_plain(char c) { return static_cast<unsigned char>(c - ' ') < 0x7F - ' '; }

// [2] Char
inline bool is_char(char32_t c) {
  if (c < 0x20) return c == '\t' || c == '\n' || c == '\r';
  return c <= 0xD7FF || (c >= 0xE000 && c <= 0xFFFD) || (c >= 0x10000 && c <= 0x10FFFF);
}

// [4] NameStartChar
inline bool starts_name(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
  struct Range {
    char32_t low, high;
  };
  constexpr Range kRanges[] = {{0xC0, 0xD6},     {0xD8, 0xF6},     {0xF8, 0x2FF},
                               {0x370, 0x37D},   {0x37F, 0x1FFF},  {0x200C, 0x200D},
                               {0x2070, 0x218F}, {0x2C00, 0x2FEF}, {0x3001, 0xD7FF},
                               {0xF900, 0xFDCF}, {0xFDF0, 0xFFFD}, {0x10000, 0xEFFFF}};
  for (const Range& range : kRanges) {
    if (c >= range.low && c <= range.high) return true;
  }
  return false;
}

// [4a] NameChar
inline bool continues_name(char32_t c) {
  return starts_name(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == 0xB7 ||
         (c >= 0x300 && c <= 0x36F) || c == 0x203F || c == 0x2040;
}

}  // namespace spoolmq::xml

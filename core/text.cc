#include "core/text.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/utf8.h"

namespace spoolmq {
namespace {

constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kSpace = 64;
constexpr std::uint8_t kForeign = 65;

constexpr std::array<std::uint8_t, 256> base64_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kForeign);
  for (std::size_t i = 0; i < kBase64Digits.size(); ++i) {
    values[static_cast<unsigned char>(kBase64Digits[i])] = static_cast<std::uint8_t>(i);
  }
  for (const char space : {' ', '\t', '\r', '\n'})
    values[static_cast<unsigned char>(space)] = kSpace;
  return values;
}
constexpr std::array<std::uint8_t, 256> kBase64Values = base64_values();

// What would steer a terminal: C0, DEL, C1, and the controls that reverse the order of characters.
bool steers_terminal(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code <= 0x9F) || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

// A pattern or a text is matched character by character; a byte that is not UTF-8 is one too, with
// a code that no character has.
Utf8Char front_glob_char(std::string_view text) {
  const Utf8Char c = front_utf8(text);
  if (c.length != 0) return c;
  return {0x110000U + static_cast<unsigned char>(text.front()), 1};
}

char32_t take(std::string_view& text) {
  const Utf8Char c = front_glob_char(text);
  text.remove_prefix(c.length);
  return c.code;
}

// `pattern` begins behind a '['. nullopt: there is no closing ']', so the '[' stands for itself.
struct Bracket {
  bool matches = false;
  std::string_view rest;  // of the pattern, behind the ']'
};
std::optional<Bracket> match_bracket(std::string_view pattern, char32_t wanted) {
  const bool negated = pattern.starts_with('!');
  if (negated) pattern.remove_prefix(1);
  bool found = false;
  for (bool first = true; !pattern.empty(); first = false) {
    const char32_t low = take(pattern);
    if (low == ']' && !first) return Bracket{found != negated, pattern};
    char32_t high = low;
    if (pattern.size() >= 2 && pattern[0] == '-' && pattern[1] != ']') {
      pattern.remove_prefix(1);
      high = take(pattern);
    }
    found = found || (low <= wanted && wanted <= high);
  }
  return std::nullopt;
}

// One pattern element that is not '*' against the first character of `text`; both advance.
bool match_one(std::string_view& pattern, std::string_view& text) {
  const char32_t wanted = take(text);
  const char32_t element = take(pattern);
  if (element == '?') return true;
  if (element == '[') {
    if (const auto bracket = match_bracket(pattern, wanted)) {
      pattern = bracket->rest;
      return bracket->matches;
    }
  }
  return element == wanted;
}

}  // namespace

std::optional<std::size_t> first_invalid_utf8(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    std::uint64_t eight = 0;
    while (bytes.size() - at >= sizeof eight) {
      std::memcpy(&eight, bytes.data() + at, sizeof eight);
      if ((eight & 0x8080808080808080U) != 0) break;
      at += sizeof eight;
    }
    if (at == bytes.size()) break;
    const unsigned length = front_utf8(bytes.substr(at)).length;
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

std::string base64_encode(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  std::size_t to = 0;
  for (std::size_t from = 0; from < bytes.size(); from += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - from);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < count ? static_cast<unsigned char>(bytes[from + i]) : 0U);
    }
    for (std::size_t i = 0; i <= count; ++i) {
      text[to + i] = kBase64Digits[group >> (18 - 6 * i) & 63U];
    }
    to += 4;
  }
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  std::size_t digits = 0;  // of the group at hand
  std::size_t padding = 0;
  for (const char c : text) {
    const std::uint8_t value = kBase64Values[static_cast<unsigned char>(c)];
    if (value == kSpace) continue;
    if (c == '=') {
      if (++padding > 2) return std::nullopt;
      continue;
    }
    if (value == kForeign || padding != 0) return std::nullopt;
    group = group << 6 | value;
    if (++digits == 4) {
      bytes.push_back(static_cast<char>(group >> 16 & 0xFFU));
      bytes.push_back(static_cast<char>(group >> 8 & 0xFFU));
      bytes.push_back(static_cast<char>(group & 0xFFU));
      group = 0;
      digits = 0;
    }
  }
  if (digits == 0) return padding == 0 ? std::optional(std::move(bytes)) : std::nullopt;
  if (digits == 1 || digits + padding != 4) return std::nullopt;
  // Bits that no byte uses must be zero: each byte string has one text.
  const unsigned unused = digits == 2 ? 4 : 2;
  if ((group & ((1U << unused) - 1)) != 0) return std::nullopt;
  group >>= unused;
  if (digits == 3) bytes.push_back(static_cast<char>(group >> 8 & 0xFFU));
  bytes.push_back(static_cast<char>(group & 0xFFU));
  return bytes;
}

std::string hex16(std::uint64_t value) {
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4) text[i] = "0123456789abcdef"[value & 15U];
  return text;
}

std::optional<std::uint64_t> parse_hex16(std::string_view text) {
  if (text.size() != 16) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      value = value << 4 | static_cast<std::uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      value = value << 4 | static_cast<std::uint64_t>(c - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

std::string printable(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const Utf8Char c = front_utf8(bytes);
    if (c.length == 0 || steers_terminal(c.code)) {
      text.push_back('?');
    } else {
      text.append(bytes, 0, c.length);
    }
    bytes.remove_prefix(c.length == 0 ? 1 : c.length);
  }
  return text;
}

std::string printable_json(std::string_view json) {
  std::string text;
  text.reserve(json.size());
  while (!json.empty()) {
    const Utf8Char c = front_utf8(json);
    const std::size_t length = std::max<std::size_t>(c.length, 1);
    if (c.length != 0 && c.code >= 0x20 && steers_terminal(c.code)) {
      text += "\\u" + hex16(c.code).substr(12);  // none of them is above U+FFFF
    } else {
      text.append(json, 0, length);
    }
    json.remove_prefix(length);
  }
  return text;
}

std::string ascii_lower(std::string_view text) {
  std::string made(text);
  for (char& c : made) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return made;
}

bool glob_match(std::string_view pattern, std::string_view text) {
  // A later '*' makes the choices of the ones before it final, so one place to return to is enough.
  std::optional<std::string_view> behind_star;
  std::string_view retry_text;
  while (true) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      behind_star = pattern;
      retry_text = text;
      continue;
    }
    if (pattern.empty() && text.empty()) return true;
    if (!pattern.empty() && !text.empty() && match_one(pattern, text)) continue;
    if (!behind_star || retry_text.empty()) return false;
    take(retry_text);
    pattern = *behind_star;
    text = retry_text;
  }
}

}  // namespace spoolmq

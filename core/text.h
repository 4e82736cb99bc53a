#pragma once
// Small pure functions on text: encodings that more than one codec needs.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace spoolmq {

// The offset of the first byte that is not well-formed UTF-8 (RFC 3629: no surrogates, no overlong
// forms, nothing above U+10FFFF); nullopt: all of it is.
std::optional<std::size_t> first_invalid_utf8(std::string_view bytes);

std::string base64_encode(std::string_view bytes);  // RFC 4648 section 4, padded, one line
// Skips XML white space; nullopt on anything else outside the alphabet or wrong padding.
std::optional<std::string> base64_decode(std::string_view text);

std::string hex16(std::uint64_t value);  // 16 lower-case digits
std::optional<std::uint64_t> parse_hex16(std::string_view text);

// Replaces control characters and invalid UTF-8 by '?' so that a value is safe on a terminal.
std::string printable(std::string_view bytes);
// JSON whose strings are safe on a terminal: what would steer one is escaped, which means the same.
std::string printable_json(std::string_view json);

std::string ascii_lower(std::string_view text);  // A to Z; other bytes stay

// Shell-style pattern: * ? [abc] [!a-z]; the whole text must match; `/` is an ordinary character.
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace spoolmq

#pragma once
// What an adapter can be told. One table per type serves both faces: a key is `name` in a table of
// spoolmq.toml and `--name` on the command line, with the same values and the same refusals.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spoolmq/error.h"

namespace spoolmq::adapters {

enum class KeyTimes : std::uint8_t { kOnce, kMany };  // kMany: a TOML array, or the option repeated

struct AdapterKey {
  std::string_view name;        // "quiet-for"
  std::string_view value_name;  // "D"; empty: a flag (TOML: true or false)
  std::string_view help;        // one line, with the default
  KeyTimes times = KeyTimes::kOnce;
};

// One given value. A flag's is "true" or "false".
struct KeyValue {
  std::string key;
  std::string value;
  std::string where;  // "--quiet-for 3", or "/srv/spool/spoolmq.toml:12: quiet-for"
};

// Names what was given, where, and what is allowed: "not a duration such as 500ms 30s 10m 2h 7d".
// The command line gives kUsage, spoolmq.toml kConfiguration; parsers throw kUsage with `where` as
// its subject, whoever reads the file turns it.
Error bad_value(const KeyValue& given, std::string_view why);

// What each value of its own allows, but not together with the others that were given.
Error clash(const KeyValue& given, std::string_view why);
inline constexpr std::string_view kClashOperation = "combine options";

// The last of that name; null: none was given.
const KeyValue* find_value(std::span<const KeyValue> given, std::string_view key);
// Throws clash where both are given and neither is "false".
void refuse_both(std::span<const KeyValue> given, std::string_view key, std::string_view other);

// Parsers of one value; each throws bad_value.
bool parse_flag(const KeyValue& given);
std::int64_t parse_duration_ms(const KeyValue& given);
std::uint64_t parse_bytes(const KeyValue& given);
std::uint64_t parse_count(const KeyValue& given, std::uint64_t least, std::uint64_t most);
std::uint32_t parse_mode(const KeyValue& given);  // octal permission bits, at most 07777
// The place of the value among the words; otherwise the refusal lists them.
std::size_t parse_choice(const KeyValue& given, std::span<const std::string_view> words);
// The name of the file that stands beside another: a template of {name} {stem} {ext}, with {name}
// or {stem} in it, that names no other directory and never the file itself.
std::string parse_beside_template(const KeyValue& given);

}  // namespace spoolmq::adapters

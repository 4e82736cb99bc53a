#include "adapters/adapter_keys.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

#include "core/units.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kMostDays = 36'500;  // so that no deadline overflows
constexpr std::int64_t kMsPerDay = 86'400'000;
constexpr std::uint32_t kModeBits = 07777;

}  // namespace

Error bad_value(const KeyValue& given, std::string_view why) {
  return {ErrorCode::kUsage, "read options", given.where, why};
}

Error clash(const KeyValue& given, std::string_view why) {
  return {ErrorCode::kUsage, kClashOperation, given.where, why};
}

const KeyValue* find_value(std::span<const KeyValue> given, std::string_view key) {
  const auto found = std::find_if(given.rbegin(), given.rend(),
                                  [key](const KeyValue& one) { return one.key == key; });
  return found == given.rend() ? nullptr : &*found;
}

void refuse_both(std::span<const KeyValue> given, std::string_view key, std::string_view other) {
  const KeyValue* const one = find_value(given, key);
  const KeyValue* const two = find_value(given, other);
  if (one == nullptr || two == nullptr || one->value == "false" || two->value == "false") return;
  throw clash(*one, "it excludes " + std::string(other));
}

bool parse_flag(const KeyValue& given) {
  if (given.value == "true") return true;
  if (given.value == "false") return false;
  throw bad_value(given, "not true or false");
}

std::int64_t parse_duration_ms(const KeyValue& given) {
  const auto duration = parse_duration(given.value);
  if (!duration) throw bad_value(given, "not a duration such as 500ms 30s 10m 2h 7d");
  if (duration->count() > kMostDays * kMsPerDay) {
    throw bad_value(given, "longer than " + std::to_string(kMostDays) + "d");
  }
  return duration->count();
}

std::uint64_t parse_bytes(const KeyValue& given) {
  const auto size = parse_size(given.value);
  if (!size) throw bad_value(given, "not a size such as 512 64K 10M 2G");
  return static_cast<std::uint64_t>(*size);
}

std::uint64_t parse_count(const KeyValue& given, std::uint64_t least, std::uint64_t most) {
  std::uint64_t count = 0;
  const char* const end = given.value.data() + given.value.size();
  const auto [stop, error] = std::from_chars(given.value.data(), end, count);
  if (error != std::errc() || stop != end || count < least || count > most) {
    throw bad_value(
        given, "not a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return count;
}

std::uint32_t parse_mode(const KeyValue& given) {
  std::uint32_t mode = 0;
  const char* const end = given.value.data() + given.value.size();
  const auto [stop, error] = std::from_chars(given.value.data(), end, mode, 8);
  if (error != std::errc() || stop != end || mode > kModeBits) {
    throw bad_value(given, "not permission bits in octal, such as 0640");
  }
  return mode;
}

std::size_t parse_choice(const KeyValue& given, std::span<const std::string_view> words) {
  const auto found = std::ranges::find(words, given.value);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  std::string all = "not one of";
  for (const std::string_view word : words) all.append(" ").append(word);
  throw bad_value(given, all);
}

std::string parse_beside_template(const KeyValue& given) {
  constexpr std::array<std::string_view, 3> kFields{"{name}", "{stem}", "{ext}"};
  const std::string& text = given.value;
  std::string_view rest = text;
  bool has_own_text = false;
  while (!rest.empty()) {
    if (rest.front() == '/') throw bad_value(given, "it stands beside the file: no '/' in it");
    std::size_t taken = 1;
    if (rest.front() == '{' || rest.front() == '}') {
      const auto* const field = std::ranges::find_if(
          kFields, [rest](std::string_view name) { return rest.starts_with(name); });
      if (field == kFields.end()) {
        throw bad_value(given, "column " + std::to_string(text.size() - rest.size() + 1) +
                                   ": only {name} {stem} {ext} may stand between braces");
      }
      taken = field->size();
    } else if (rest.front() != '.') {
      has_own_text = true;
    }
    rest.remove_prefix(taken);
  }
  if (text.find("{name}") == std::string::npos && text.find("{stem}") == std::string::npos) {
    throw bad_value(given, "{name} or {stem} must be in it, so that each file has its own");
  }
  // "{ext}.{stem}" is "a.a" for "a.a"; "{name}." and ".{name}" are longer than any name.
  const bool is_longer =
      text.find("{name}") != std::string::npos && text.find('.') != std::string::npos;
  if (!has_own_text && !is_longer) throw bad_value(given, "it may name the file itself");
  return text;
}

}  // namespace spoolmq::adapters

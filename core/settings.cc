#include "spoolmq/settings.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <optional>
#include <span>

#define TOML_HEADER_ONLY 0
#include <toml++/toml.h>

#include "core/text.h"
#include "core/units.h"
#include "spoolmq/error.h"
#include "spoolmq/message.h"

namespace spoolmq {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMaxDuration{36'500 * 86'400'000LL};  // 100 years: deadlines never overflow
constexpr std::int64_t kMaxCount = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kMaxTextBytes = 1024;
constexpr std::int64_t kLargestHotCacheBytes = 1 << 30;
constexpr std::string_view kUnboundedText = "unbounded";
constexpr std::uint32_t kModeBits = 0666;
constexpr std::uint32_t kModeOwner = 0600;
constexpr std::uint32_t kModeOthersWrite = 0002;

// What each type of setting accepts. `read` sets the value and returns true, or returns false.

template <typename E>
std::span<const std::string_view> value_names();  // in the order of the values

#define SPOOLMQ_VALUE_NAMES(Enum, ...)                          \
  template <>                                                   \
  std::span<const std::string_view> value_names<Enum>() {       \
    static constexpr std::string_view kNames[] = {__VA_ARGS__}; \
    return kNames;                                              \
  }
SPOOLMQ_VALUE_NAMES(Format, "binary", "xml")
SPOOLMQ_VALUE_NAMES(Durability, "sync", "os")
SPOOLMQ_VALUE_NAMES(Overflow, "reject", "block")
SPOOLMQ_VALUE_NAMES(HistoryLevel, "off", "fix", "all")
SPOOLMQ_VALUE_NAMES(BodyCheck, "none", "well-formed-xml", "utf-8", "json")
SPOOLMQ_VALUE_NAMES(OrderOnDead, "continue", "stop")
#undef SPOOLMQ_VALUE_NAMES

template <auto kMember>
bool read_enum(Settings& settings, std::string_view text) {
  using Value = std::remove_reference_t<decltype(settings.*kMember)>;
  const auto names = value_names<Value>();
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) return false;
  settings.*kMember = static_cast<Value>(found - names.begin());
  return true;
}

template <auto kMember>
std::string write_enum(const Settings& settings) {
  using Value = std::remove_cvref_t<decltype(settings.*kMember)>;
  return std::string(value_names<Value>()[static_cast<std::size_t>(settings.*kMember)]);
}

template <auto kMember, std::int64_t kMinMs>
bool read_duration(Settings& settings, std::string_view text) {
  const auto value = parse_duration(text);
  if (!value || value->count() < kMinMs || *value > kMaxDuration) return false;
  settings.*kMember = *value;
  return true;
}

template <auto kMember>
std::string write_duration(const Settings& settings) {
  return format_duration(settings.*kMember);
}

template <auto kMember, std::int64_t kMin>
bool read_count(Settings& settings, std::string_view text) {
  const auto value = parse_integer(text);
  if (!value || *value < kMin) return false;
  settings.*kMember = *value;
  return true;
}

template <auto kMember>
std::string write_count(const Settings& settings) {
  return std::to_string(settings.*kMember);
}

template <auto kMember, std::int64_t kMax>
bool read_size(Settings& settings, std::string_view text) {
  const auto value = parse_size(text);
  if (!value || *value > kMax) return false;
  settings.*kMember = *value;
  return true;
}

template <auto kMember>
std::string write_size(const Settings& settings) {
  return format_size(settings.*kMember);
}

// Another kind of number, or "unbounded".
template <auto kMember, bool (*kRead)(Settings&, std::string_view)>
bool read_bound(Settings& settings, std::string_view text) {
  if (text != kUnboundedText) return kRead(settings, text);
  settings.*kMember = kUnbounded;
  return true;
}

template <auto kMember, std::string (*kWrite)(const Settings&)>
std::string write_bound(const Settings& settings) {
  if (settings.*kMember == kUnbounded) return std::string(kUnboundedText);
  return kWrite(settings);
}

bool read_mode(Settings& settings, std::string_view text) {
  std::uint32_t mode = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, mode, 8);
  if (error != std::errc() || stop != end || (mode & ~kModeBits) != 0 ||
      (mode & kModeOwner) != kModeOwner || (mode & kModeOthersWrite) != 0) {
    return false;
  }
  settings.mode = mode;
  return true;
}

std::string write_mode(const Settings& settings) {
  std::string text(4, '0');
  for (std::size_t i = 0; i < 4; ++i) {
    text[3 - i] = static_cast<char>('0' + (settings.mode >> 3 * i & 7));
  }
  return text;
}

bool read_content_type(Settings& settings, std::string_view text) {
  const bool has_control = std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (has_control || text.size() > kMaxTextBytes || first_invalid_utf8(text)) return false;
  settings.content_type = text;
  return true;
}

bool read_group(Settings& settings, std::string_view text) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  if (text.find_first_not_of(kAllowed) != text.npos || text.size() > kMaxTextBytes) return false;
  settings.group = text;
  return true;
}

enum class Toml : std::uint8_t { kString, kInteger };  // how a number is written in queue.toml

struct Key {
  std::string_view name;
  std::string_view expected;  // completes "must be …"
  bool (*read)(Settings&, std::string_view);
  std::string (*write)(const Settings&);
  Toml number = Toml::kString;
};

using S = Settings;
constexpr std::string_view kAnyDuration = "a duration (500ms 30s 10m 2h 7d, or 0)";
constexpr Key kKeys[] = {
    {"format", "binary or xml", read_enum<&S::format>, write_enum<&S::format>},
    {"durability", "sync or os", read_enum<&S::durability>, write_enum<&S::durability>},
    {"capacity", "a number of messages, or unbounded",
     read_bound<&S::capacity, read_count<&S::capacity, 0>>,
     write_bound<&S::capacity, write_count<&S::capacity>>, Toml::kInteger},
    {"max-bytes", "a size (64K 10M 2G), or unbounded",
     read_bound<&S::max_bytes, read_size<&S::max_bytes, kMaxCount>>,
     write_bound<&S::max_bytes, write_size<&S::max_bytes>>},
    {"overflow", "reject or block", read_enum<&S::overflow>, write_enum<&S::overflow>},
    {"lease", "a duration above 0 (500ms 30s 10m 2h 7d)", read_duration<&S::lease, 1>,
     write_duration<&S::lease>},
    {"max-failures", "a number of at least 1", read_count<&S::max_failures, 1>,
     write_count<&S::max_failures>, Toml::kInteger},
    {"backoff", kAnyDuration, read_duration<&S::backoff, 0>, write_duration<&S::backoff>},
    {"backoff-max", kAnyDuration, read_duration<&S::backoff_max, 0>,
     write_duration<&S::backoff_max>},
    {"max-redrives", "a number of at least 0", read_count<&S::max_redrives, 0>,
     write_count<&S::max_redrives>, Toml::kInteger},
    {"ttl", kAnyDuration, read_duration<&S::ttl, 0>, write_duration<&S::ttl>},
    {"archive", kAnyDuration, read_duration<&S::archive, 0>, write_duration<&S::archive>},
    {"dedupe-window", kAnyDuration, read_duration<&S::dedupe_window, 0>,
     write_duration<&S::dedupe_window>},
    {"id-window", kAnyDuration, read_duration<&S::id_window, 0>, write_duration<&S::id_window>},
    {"history", "off, fix or all", read_enum<&S::history>, write_enum<&S::history>},
    {"content-type", "at most 1024 bytes of UTF-8 without control characters", read_content_type,
     [](const Settings& settings) { return settings.content_type; }},
    {"check", "none, well-formed-xml, utf-8 or json", read_enum<&S::check>, write_enum<&S::check>},
    {"order-on-dead", "continue or stop", read_enum<&S::order_on_dead>,
     write_enum<&S::order_on_dead>},
    {"body-inline", "a size of at most 64M",
     read_size<&S::body_inline, std::int64_t{kMaxInlineBodyBytes}>, write_size<&S::body_inline>},
    {"hot-cache", "a size of at most 1G, or 0", read_size<&S::hot_cache, kLargestHotCacheBytes>,
     write_size<&S::hot_cache>},
    {"mode", "octal permission bits like 0640: at least 0600, no execute bit, no write for others",
     read_mode, write_mode},
    {"group", "the name of a group, of A-Z a-z 0-9 _ . -", read_group,
     [](const Settings& settings) { return settings.group; }},
};

const Key* find_key(std::string_view name) {
  const auto* const found = std::ranges::find(kKeys, name, &Key::name);
  return found == std::end(kKeys) ? nullptr : found;
}

std::string refusal(const Key& key, std::string_view value) {
  return "'" + printable(value) + "' is refused: it must be " + std::string(key.expected);
}

// A TOML basic string. No value that is accepted has control characters.
std::string toml_text(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result += '"';
}

// The text that set_setting takes; nullopt: this key is not written like that.
std::optional<std::string> text_of(const Key& key, const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  const auto* number = node.as_integer();
  if (number == nullptr || key.number != Toml::kInteger) return std::nullopt;
  return std::to_string(number->get());
}

[[noreturn]] void refuse_file(std::string_view subject, const toml::source_position& where,
                              std::string_view reason) {
  throw Error(ErrorCode::kConfiguration, "read settings", subject,
              "line " + std::to_string(where.line) + ": " + std::string(reason));
}

toml::table parse_toml(std::string_view text, std::string_view subject) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    refuse_file(subject, error.source().begin, error.description());
  }
}

}  // namespace

void set_setting(Settings& settings, std::string_view key, std::string_view value) {
  const Key* const known = find_key(key);
  if (known == nullptr) {
    throw Error(ErrorCode::kUsage, "change settings", printable(key), "there is no such setting");
  }
  if (!known->read(settings, value)) {
    throw Error(ErrorCode::kBadData, "change settings", key, refusal(*known, value));
  }
}

std::vector<SettingText> settings_as_text(const Settings& settings) {
  std::vector<SettingText> all;
  all.reserve(std::size(kKeys));
  for (const Key& key : kKeys) all.emplace_back(key.name, key.write(settings));
  return all;
}

std::string format_settings(const Settings& settings) {
  std::string toml;
  for (const Key& key : kKeys) {
    const std::string text = key.write(settings);
    const bool bare = key.number == Toml::kInteger && text != kUnboundedText;
    toml.append(key.name).append(" = ").append(bare ? text : toml_text(text)).append(1, '\n');
  }
  return toml;
}

Settings parse_settings(std::string_view toml, std::string_view subject) {
  const toml::table table = parse_toml(toml, subject);
  Settings settings;
  for (const auto& [name, node] : table) {
    const auto& where = node.source().begin;
    const Key* const key = find_key(name.str());
    if (key == nullptr)
      refuse_file(subject, name.source().begin,
                  "there is no setting '" + printable(name.str()) + "'");
    const auto text = text_of(*key, node);
    if (!text) {
      refuse_file(subject, where,
                  std::string(name.str()) + " must be a " +
                      (key->number == Toml::kInteger ? "string or an integer" : "string"));
    }
    if (!key->read(settings, *text)) {
      refuse_file(subject, where, std::string(name.str()) + ": " + refusal(*key, *text));
    }
  }
  if (settings.backoff_max < settings.backoff) {
    const toml::node* culprit = table.get("backoff-max");
    if (culprit == nullptr) culprit = table.get("backoff");
    refuse_file(subject, culprit->source().begin, "backoff-max is less than backoff");
  }
  if (!toml.empty() && toml.back() != '\n') {
    // As a file that lost its end has it: half a number is a number, too.
    throw Error(ErrorCode::kConfiguration, "read", std::string(subject),
                "its last line does not end");
  }
  return settings;
}

}  // namespace spoolmq

#pragma once
// The settings of one queue, as queue.toml holds them and `create` takes them. Every key has the
// name of its command-line option. A plain value; parse and format are pure.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace spoolmq {

enum class Format : std::uint8_t { kBinary, kXml };
enum class Durability : std::uint8_t { kSync, kOs };
enum class Overflow : std::uint8_t { kReject, kBlock };
enum class HistoryLevel : std::uint8_t { kOff, kFix, kAll };
enum class BodyCheck : std::uint8_t { kNone, kWellFormedXml, kUtf8, kJson };
enum class OrderOnDead : std::uint8_t { kContinue, kStop };

inline constexpr std::int64_t kUnbounded = -1;

struct Settings {
  Format format = Format::kBinary;
  Durability durability = Durability::kSync;
  std::int64_t capacity = kUnbounded;   // messages; 0: rendezvous
  std::int64_t max_bytes = kUnbounded;  // bytes of all bodies together
  Overflow overflow = Overflow::kReject;
  std::chrono::milliseconds lease{30'000};
  std::int64_t max_failures = 10;  // failed deliveries before a message goes dead
  std::chrono::milliseconds backoff{1'000};
  std::chrono::milliseconds backoff_max{600'000};
  std::int64_t max_redrives = 5;
  std::chrono::milliseconds ttl{0};  // 0: messages never expire unless they say so
  std::chrono::milliseconds archive{0};  // how long acknowledged messages are kept; 0: not at all
  std::chrono::milliseconds dedupe_window{600'000};
  // How long an id that its sender gave (a relay, `send --id`) is known, once its message is gone.
  std::chrono::milliseconds id_window{7 * 86'400'000LL};
  HistoryLevel history = HistoryLevel::kFix;
  std::string content_type;  // default header content-type of messages; empty: none
  BodyCheck check = BodyCheck::kNone;
  OrderOnDead order_on_dead = OrderOnDead::kContinue;
  std::int64_t body_inline = 10 << 20;  // bytes; larger bodies go to a file of their own
  std::int64_t hot_cache = 1 << 20;  // bytes of newest messages in shared memory; 0: none
  std::uint32_t mode = 0600;            // permission bits of files; directories add x where r is
  std::string group;                    // empty: the creating process's

  bool operator==(const Settings&) const = default;
};

// One setting as text, under its option's name ("max-failures" = "10", "lease" = "30s").
using SettingText = std::pair<std::string, std::string>;

// Sets one key. Throws Error (kUsage for an unknown key, kBadData for a bad value), naming both.
void set_setting(Settings& settings, std::string_view key, std::string_view value);

// Every setting in a fixed order, in the form set_setting takes.
std::vector<SettingText> settings_as_text(const Settings& settings);

// queue.toml. parse throws Error(kConfiguration) naming `subject`, line and reason; unknown keys
// are refused, missing ones have their default.
std::string format_settings(const Settings& settings);
Settings parse_settings(std::string_view toml, std::string_view subject);

}  // namespace spoolmq

#include "adapters/stomp_client_settings.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "adapters/descriptor.h"
#include "adapters/socket_keys.h"
#include "core/read_to_end.h"
#include "core/text.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostHosts = 16;
constexpr std::size_t kMostHeaders = 64;
constexpr std::size_t kMostVhostBytes = 255;
constexpr std::size_t kMostLoginBytes = 4096;
constexpr std::int64_t kLeastBeatMs = 100;
constexpr std::int64_t kMostBeatMs = 3'600'000;
constexpr std::array<std::string_view, 4> kOurs{"destination", "receipt", "content-length", "id"};

bool has_control(std::string_view text) {
  return text.find_first_of(std::string_view("\0\n\r", 3)) != std::string_view::npos;
}

std::string whole_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat status {};
  if (!file.is_open() || ::fstat(file.number(), &status) != 0) {
    throw Error::from_errno(errno, "read the login", path);
  }
  if ((status.st_mode & 077) != 0) {
    throw Error(ErrorCode::kConfiguration, "read the login", path,
                "others than its owner may read or write it");
  }
  std::optional<std::string> text = read_to_end(file.number(), kMostLoginBytes);
  if (!text) throw Error::from_errno(errno, "read the login", path);
  return *std::move(text);
}

std::string take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return std::string(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
}

}  // namespace

std::string StompClientSettings::place_text() const {
  std::string text = path;
  for (const HostPort& one : addresses) text.append(text.empty() ? "" : " ").append(one.text());
  return text;
}

StompLogin read_stomp_login(const std::string& path) {
  const std::string text = whole_file(path);
  std::string_view left = text;
  StompLogin login;
  login.login = take_line(left);
  login.passcode = take_line(left);
  if (login.login.empty() || text.find('\0') != std::string::npos || first_invalid_utf8(text)) {
    throw Error(ErrorCode::kConfiguration, "read the login", path,
                "not a login on its first line and a passcode on its second");
  }
  return login;
}

void check_stomp_client(const StompClientSettings& settings, std::span<const KeyValue> given,
                        std::string_view hosts_key, std::string_view type) {
  check_one_of(given, std::array{std::string_view("unix"), hosts_key}, type);
  for (const std::string_view key : {"allow-users", "allow-groups"}) {
    refuse_both(given, key, hosts_key);
  }
  check_certificate(given);
  check_client_tls(given, settings.has_tls);
  if (settings.has_tls && settings.tls_name.empty() && settings.addresses.empty()) {
    throw clash(*find_value(given, "tls"), "with unix it needs tls-name");
  }
}

void add_stomp_host(StompClientSettings& settings, const KeyValue& given) {
  const HostPort address = parse_address(given);
  if (address.port == "0") throw bad_value(given, "port 0 is none to connect to");
  if (settings.addresses.size() == kMostHosts) throw bad_value(given, "more than 16 of them");
  settings.addresses.push_back(address);
}

void add_stomp_header(StompClientSettings& settings, const KeyValue& given) {
  const std::size_t equals = given.value.find('=');
  if (equals == 0 || equals == std::string::npos || has_control(given.value) ||
      first_invalid_utf8(given.value)) {
    throw bad_value(given, "not NAME=VALUE");
  }
  const std::string name = given.value.substr(0, equals);
  for (const std::string_view ours : kOurs) {
    if (name == ours) throw bad_value(given, "that header is ours to give");
  }
  if (settings.headers.size() == kMostHeaders) throw bad_value(given, "more than 64 of them");
  settings.headers.push_back({name, given.value.substr(equals + 1)});
}

std::string parse_vhost(const KeyValue& given) {
  if (given.value.empty() || given.value.size() > kMostVhostBytes || has_control(given.value) ||
      first_invalid_utf8(given.value)) {
    throw bad_value(given, "not the name of a virtual host");
  }
  return given.value;
}

std::int64_t parse_heart_beat(const KeyValue& given) {
  const std::int64_t beat_ms = parse_duration_ms(given);
  if (beat_ms != 0 && (beat_ms < kLeastBeatMs || beat_ms > kMostBeatMs)) {
    throw bad_value(given, "not 0, and not from 100ms to 1h");
  }
  return beat_ms;
}

}  // namespace spoolmq::adapters

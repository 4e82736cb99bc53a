#pragma once
// The keys that forward and fetch have in common. `Settings` is a StompClientSettings.

#include <array>

#include "adapters/key_table.h"
#include "adapters/place_key.h"
#include "adapters/socket_keys.h"
#include "adapters/stomp_client_settings.h"

namespace spoolmq::adapters {

inline constexpr std::size_t kMostStompWindow = 4096;

template <typename Settings>
struct StompClientKeys {
  using Row = KeyRow<Settings>;

  static void read_host(Settings& settings, const KeyValue& given) {
    add_stomp_host(settings, given);
  }
  static void read_header(Settings& settings, const KeyValue& given) {
    add_stomp_header(settings, given);
  }

  static constexpr Row kUnix{
      {"unix", "PATH", "connects to a Unix socket"},
      [](Settings& to, const KeyValue& given) { to.path = parse_file_path(given); }};
  static constexpr Row kAllowUsers{
      {"allow-users", "U", "who may listen at that path: names or numbers", KeyTimes::kMany},
      [](Settings& to, const KeyValue& given) { add_user(to.allowed, given); }};
  static constexpr Row kAllowGroups{
      {"allow-groups", "G", "likewise, whoever is in one of these groups", KeyTimes::kMany},
      [](Settings& to, const KeyValue& given) { add_group(to.allowed, given); }};

  // What they say of a session, behind their own.
  static constexpr auto kSession = std::to_array<Row>({
      {{"answer-timeout", "D", "for a receipt; then it connects anew (default 60s)"},
       [](Settings& to, const KeyValue& given) { to.answer_ms = parse_some_time(given); }},
      {{"connect-timeout", "D", "for each host until it says CONNECTED (default 10s)"},
       [](Settings& to, const KeyValue& given) { to.connect_ms = parse_some_time(given); }},
      {{"heart-beat", "D", "both ways; 0: none (default 10s)"},
       [](Settings& to, const KeyValue& given) { to.heart_beat_ms = parse_heart_beat(given); }},
      {{"login-file", "PATH", "its first line is the login, its second the passcode; mode 600"},
       [](Settings& to, const KeyValue& given) { to.login_file = parse_file_path(given); }},
      {{"vhost", "NAME", "the broker's virtual host (default /)"},
       [](Settings& to, const KeyValue& given) { to.vhost = parse_vhost(given); }},
      {{"tls", "", "TLS 1.2 or 1.3; the broker's certificate is checked, and its name"},
       [](Settings& to, const KeyValue& given) { to.has_tls = parse_flag(given); }},
      {{"tls-ca", "PATH", "PEM: who may have signed it (default: whom the system trusts)"},
       [](Settings& to, const KeyValue& given) { to.tls.authorities = parse_file_path(given); }},
      {{"tls-name", "HOST", "the name it must be for (default: the host connected to)"},
       [](Settings& to, const KeyValue& given) { to.tls_name = parse_host_name(given); }},
      {{"tls-certificate", "PATH", "PEM, our own, for a broker that asks"},
       [](Settings& to, const KeyValue& given) { to.tls.certificate = parse_file_path(given); }},
      {{"tls-key", "PATH", "its private key, PEM"},
       [](Settings& to, const KeyValue& given) { to.tls.key = parse_file_path(given); }},
      {{"insecure", "", "the passcode may go to another machine without TLS"},
       [](Settings& to, const KeyValue& given) { to.insecure = parse_flag(given); }},
  });

  static void read_window(Settings& settings, const KeyValue& given) {
    settings.window = parse_count(given, 1, kMostStompWindow);
  }
  static void read_most_bytes(Settings& settings, const KeyValue& given) {
    settings.most_bytes = parse_frame_bytes(given);
  }
};

}  // namespace spoolmq::adapters

#pragma once
// The keys that forward and fetch have in common. `Settings` is a StompClientSettings.

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
  static constexpr Row kLoginFile{
      {"login-file", "PATH", "its first line is the login, its second the passcode; mode 600"},
      [](Settings& to, const KeyValue& given) { to.login_file = parse_file_path(given); }};
  static constexpr Row kVhost{
      {"vhost", "NAME", "the broker's virtual host (default /)"},
      [](Settings& to, const KeyValue& given) { to.vhost = parse_vhost(given); }};
  static constexpr Row kInsecure{
      {"insecure", "", "the passcode may go to another machine without TLS"},
      [](Settings& to, const KeyValue& given) { to.insecure = parse_flag(given); }};
  static constexpr Row kTls{
      {"tls", "", "TLS 1.2 or 1.3; the broker's certificate is checked, and its name"},
      [](Settings& to, const KeyValue& given) { to.has_tls = parse_flag(given); }};
  static constexpr Row kTlsCa{
      {"tls-ca", "PATH", "PEM: who may have signed it (default: whom the system trusts)"},
      [](Settings& to, const KeyValue& given) { to.tls.authorities = parse_file_path(given); }};
  static constexpr Row kTlsName{
      {"tls-name", "HOST", "the name it must be for (default: the host connected to)"},
      [](Settings& to, const KeyValue& given) { to.tls_name = parse_host_name(given); }};
  static constexpr Row kTlsCertificate{
      {"tls-certificate", "PATH", "PEM, our own, for a broker that asks"},
      [](Settings& to, const KeyValue& given) { to.tls.certificate = parse_file_path(given); }};
  static constexpr Row kTlsKey{
      {"tls-key", "PATH", "its private key, PEM"},
      [](Settings& to, const KeyValue& given) { to.tls.key = parse_file_path(given); }};
  static constexpr Row kHeartBeat{
      {"heart-beat", "D", "both ways; 0: none (default 10s)"},
      [](Settings& to, const KeyValue& given) { to.heart_beat_ms = parse_heart_beat(given); }};
  static constexpr Row kConnectTimeout{
      {"connect-timeout", "D", "for each host until it says CONNECTED (default 10s)"},
      [](Settings& to, const KeyValue& given) { to.connect_ms = parse_some_time(given); }};
  static constexpr Row kAnswerTimeout{
      {"answer-timeout", "D", "for a receipt; then it connects anew (default 60s)"},
      [](Settings& to, const KeyValue& given) { to.answer_ms = parse_some_time(given); }};

  static void read_window(Settings& settings, const KeyValue& given) {
    settings.window = parse_count(given, 1, kMostStompWindow);
  }
  static void read_most_bytes(Settings& settings, const KeyValue& given) {
    settings.most_bytes = parse_frame_bytes(given);
  }
};

}  // namespace spoolmq::adapters

#pragma once
// Whom a client of STOMP connects to, as whom, and how, as the keys of forward and fetch say it. A
// plain value.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "adapters/adapter_keys.h"
#include "adapters/peer.h"
#include "adapters/socket_address.h"
#include "adapters/stomp_frame.h"
#include "adapters/tls.h"

namespace spoolmq::adapters {

struct StompClientSettings {
  std::string path;                 // or
  std::vector<HostPort> addresses;  // tried in turn
  AllowedPeers allowed;             // of whom the path must be
  std::string login_file;           // empty: without a login
  std::string vhost = "/";
  bool insecure = false;  // a passcode may go unencrypted to other machines
  bool has_tls = false;
  std::string tls_name;  // empty: the host that was connected to
  TlsFiles tls;
  std::int64_t heart_beat_ms = 10'000;  // both ways; 0: none
  std::int64_t connect_ms = 10'000;     // for each host: its addresses, TLS, CONNECTED
  std::int64_t answer_ms = 60'000;      // without a word while receipts are owed
  std::size_t window = 256;             // messages under way
  std::size_t most_bytes = 10 << 20;    // of one body
  std::vector<StompHeader> headers;     // of each SEND, or of SUBSCRIBE; an empty value takes away

  [[nodiscard]] std::string place_text() const;
};

struct StompLogin {
  std::string login;
  std::string passcode;
};
// The first two lines of a file that nobody but its owner may read. Throws Error, never with a line
// of it.
StompLogin read_stomp_login(const std::string& path);

// What no key alone can say. Throws Error(kUsage).
void check_stomp_client(const StompClientSettings& settings, std::span<const KeyValue> given,
                        std::string_view hosts_key, std::string_view type);

// Parsers of one key; each throws bad_value.
void add_stomp_host(StompClientSettings& settings, const KeyValue& given);
void add_stomp_header(StompClientSettings& settings, const KeyValue& given);
std::string parse_vhost(const KeyValue& given);
std::int64_t parse_heart_beat(const KeyValue& given);

}  // namespace spoolmq::adapters

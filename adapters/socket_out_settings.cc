#include "adapters/socket_out_settings.h"

#include <array>
#include <string_view>
#include <utility>

#include "adapters/key_table.h"
#include "adapters/place_key.h"
#include "adapters/socket_keys.h"
#include "adapters/socket_out_adapter.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kType = "socket-out";
constexpr std::array<std::string_view, 2> kPlaces{"unix", "tcp"};
constexpr std::size_t kMostAddresses = 16;
constexpr std::size_t kMostWindow = 4096;

using Settings = SocketOutSettings;

void read_address(Settings& settings, const KeyValue& given) {
  const HostPort address = parse_address(given);
  if (address.port == "0") throw bad_value(given, "port 0 is none to connect to");
  if (settings.addresses.size() == kMostAddresses) throw bad_value(given, "more than 16 of them");
  settings.addresses.push_back(address);
}

constexpr auto kTable = std::to_array<KeyRow<Settings>>({
    {{"unix", "PATH", "connects to a Unix socket"},
     [](Settings& to, const KeyValue& given) { to.path = parse_file_path(given); }},
    {{"tcp", "HOST:PORT", "connects to the first of these that answers", KeyTimes::kMany},
     read_address},
    {{"allow-users", "U", "who may listen at that path: names or numbers", KeyTimes::kMany},
     [](Settings& to, const KeyValue& given) { add_user(to.allowed, given); }},
    {{"allow-groups", "G", "likewise, whoever is in one of these groups", KeyTimes::kMany},
     [](Settings& to, const KeyValue& given) { add_group(to.allowed, given); }},
    {{"framing", "line|null|netstring|length", "how messages are told apart (default line)"},
     [](Settings& to, const KeyValue& given) { to.frames.kind = parse_framing(given); }},
    {{"max-bytes", "S", "a larger message goes dead (default 64M)"},
     [](Settings& to, const KeyValue& given) { to.frames.most_bytes = parse_frame_bytes(given); }},
    {{"answers", "", "a message is done when the other side has answered ok"},
     [](Settings& to, const KeyValue& given) { to.answers = parse_flag(given); }},
    {{"window", "N", "messages under way at a time (default 64)"},
     [](Settings& to, const KeyValue& given) { to.window = parse_count(given, 1, kMostWindow); }},
    {{"answer-timeout", "D", "for the oldest answer; then it connects anew (default 60s)"},
     [](Settings& to, const KeyValue& given) { to.answer_ms = parse_some_time(given); }},
    {{"connect-timeout", "D", "for each address, its name and its TLS handshake (default 10s)"},
     [](Settings& to, const KeyValue& given) { to.connect_ms = parse_some_time(given); }},
    {{"peer-timeout", "D", "after so long a machine that vanished is noticed (default 30s)"},
     [](Settings& to, const KeyValue& given) { to.silence_ms = parse_some_time(given); }},
    {{"tls", "", "TLS 1.2 or 1.3; the other side's certificate is checked, and its name"},
     [](Settings& to, const KeyValue& given) { to.has_tls = parse_flag(given); }},
    {{"tls-ca", "PATH", "PEM: who may have signed it (default: whom the system trusts)"},
     [](Settings& to, const KeyValue& given) { to.tls.authorities = parse_file_path(given); }},
    {{"tls-name", "HOST", "the name it must be for (default: the host of tcp)"},
     [](Settings& to, const KeyValue& given) { to.tls_name = parse_host_name(given); }},
    {{"tls-certificate", "PATH", "PEM, our own, for a server that asks"},
     [](Settings& to, const KeyValue& given) { to.tls.certificate = parse_file_path(given); }},
    {{"tls-key", "PATH", "its private key, PEM"},
     [](Settings& to, const KeyValue& given) { to.tls.key = parse_file_path(given); }},
});

void check_tls(const Settings& settings, std::span<const KeyValue> given) {
  check_client_tls(given, settings.has_tls);
  if (settings.has_tls && settings.tls_name.empty() && settings.addresses.empty()) {
    throw clash(*find_value(given, "tls"), "with unix it needs tls-name");
  }
}

}  // namespace

std::string SocketOutSettings::place_text() const {
  std::string text = path;
  for (const HostPort& one : addresses) text.append(text.empty() ? "" : " ").append(one.text());
  return text;
}

std::span<const AdapterKey> socket_out_keys() {
  static constexpr auto kKeys = keys_of(kTable);
  return kKeys;
}

SocketOutSettings parse_socket_out_settings(std::span<const KeyValue> given) {
  SocketOutSettings settings;
  read_keys(settings, given, kTable, kType);
  check_one_of(given, kPlaces, kType);
  for (const std::string_view key : {"allow-users", "allow-groups"}) refuse_both(given, key, "tcp");
  check_certificate(given);
  check_tls(settings, given);
  return settings;
}

std::shared_ptr<const BridgePlan> plan_socket_out(std::string queue,
                                                  std::span<const KeyValue> given) {
  SocketOutSettings settings = parse_socket_out_settings(given);
  std::string place = settings.place_text();
  return std::make_shared<PlanOf<SocketOutSettings, SocketOutAdapter>>(
      std::move(queue), std::move(place), std::move(settings));
}

}  // namespace spoolmq::adapters

#include "adapters/socket_in_settings.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "adapters/account_names.h"
#include "adapters/key_table.h"
#include "adapters/place_key.h"
#include "adapters/socket_in_adapter.h"
#include "adapters/socket_keys.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kType = "socket-in";
constexpr std::array<std::string_view, 3> kPlaces{"unix", "tcp", "activation"};
constexpr std::size_t kMostConnections = 100'000;
constexpr std::size_t kMostNameBytes = 255;  // sd_listen_fds_with_names(3)

// ---- Readers of one key

void read_group(SocketInSettings& settings, const KeyValue& given) {
  settings.place.group = find_group(given.value);
  if (!settings.place.group) throw bad_value(given, "there is no such group");
}

void read_activation(SocketInSettings& settings, const KeyValue& given) {
  if (given.value.empty() || given.value.size() > kMostNameBytes ||
      given.value.find(':') != std::string::npos) {
    throw bad_value(given, "not the name of a socket, as FileDescriptorName= gives it");
  }
  settings.place.activation = given.value;
}

void read_unfinished(SocketInSettings& settings, const KeyValue& given) {
  constexpr std::array<std::string_view, 2> kWords{"refuse", "take"};
  settings.takes_unended = parse_choice(given, kWords) == 1;
}

using Settings = SocketInSettings;

constexpr auto kTable = std::to_array<KeyRow<Settings>>({
    {{"unix", "PATH", "listens at a Unix socket, made here"},
     [](Settings& to, const KeyValue& given) { to.place.path = parse_file_path(given); }},
    {{"mode", "OCTAL", "permission bits of that path (default 0600)"},
     [](Settings& to, const KeyValue& given) { to.place.mode = parse_mode(given); }},
    {{"owner-group", "G", "its group, a name or a number"}, read_group},
    {{"tcp", "HOST:PORT", "listens at an address; port 0: the kernel chooses, the log tells"},
     [](Settings& to, const KeyValue& given) { to.place.address = parse_address(given); }},
    {{"activation", "NAME", "listens at what the service manager passed under that name"},
     read_activation},
    {{"framing", "line|null|netstring|length", "how messages are told apart (default line)"},
     [](Settings& to, const KeyValue& given) { to.frames.kind = parse_framing(given); }},
    {{"max-bytes", "S", "of one message (default 10M)"},
     [](Settings& to, const KeyValue& given) { to.frames.most_bytes = parse_frame_bytes(given); }},
    {{"answers", "", "a line per message, once it is durable: ok ID, no WHY, again WHY"},
     [](Settings& to, const KeyValue& given) { to.answers = parse_flag(given); }},
    {{"unfinished", "refuse|take", "a last line or record without its end (default refuse)"},
     read_unfinished},
    {{"allow-users", "U", "who may connect to a Unix socket: names or numbers", KeyTimes::kMany},
     [](Settings& to, const KeyValue& given) { add_user(to.allowed, given); }},
    {{"allow-groups", "G", "likewise, whoever is in one of these groups", KeyTimes::kMany},
     [](Settings& to, const KeyValue& given) { add_group(to.allowed, given); }},
    {{"max-connections", "N", "at a time; more wait to be accepted (default 1000)"},
     [](Settings& to, const KeyValue& given) {
       to.most_connections = parse_count(given, 1, kMostConnections);
     }},
    {{"max-memory", "S", "for messages that are not whole yet, of all connections (default 256M)"},
     [](Settings& to, const KeyValue& given) { to.most_unfinished_bytes = parse_bytes(given); }},
    {{"idle-timeout", "D", "a connection on which nothing comes is closed (default 0: never)"},
     [](Settings& to, const KeyValue& given) { to.idle_ms = parse_duration_ms(given); }},
    {{"frame-timeout", "D", "likewise one whose message takes longer to come (default 0: never)"},
     [](Settings& to, const KeyValue& given) { to.frame_ms = parse_duration_ms(given); }},
    {{"handshake-timeout", "D", "for a client's TLS handshake (default 10s)"},
     [](Settings& to, const KeyValue& given) { to.handshake_ms = parse_some_time(given); }},
    {{"tls-certificate", "PATH", "PEM, with those between it and its root: TLS 1.2 or 1.3 only"},
     [](Settings& to, const KeyValue& given) { to.tls.certificate = parse_file_path(given); }},
    {{"tls-key", "PATH", "its private key, PEM"},
     [](Settings& to, const KeyValue& given) { to.tls.key = parse_file_path(given); }},
    {{"tls-client-ca", "PATH", "clients must have a certificate signed by one of these"},
     [](Settings& to, const KeyValue& given) { to.tls.authorities = parse_file_path(given); }},
    {{"insecure", "", "other machines may connect without TLS"},
     [](Settings& to, const KeyValue& given) { to.place.may_be_exposed = parse_flag(given); }},
});

// ---- What goes together

void check_place(const Settings& settings, std::span<const KeyValue> given) {
  check_one_of(given, kPlaces, kType);
  for (const std::string_view key : {"mode", "owner-group"}) {
    const KeyValue* const found = find_value(given, key);
    if (found != nullptr && settings.place.path.empty()) throw clash(*found, "it is for unix");
  }
  for (const std::string_view key : {"allow-users", "allow-groups"}) refuse_both(given, key, "tcp");
}

// One message of the largest kind must have room.
void check_memory(Settings& settings, std::span<const KeyValue> given) {
  if (settings.most_unfinished_bytes >= settings.frames.most_bytes) return;
  if (const KeyValue* const found = find_value(given, "max-memory")) {
    throw clash(*found, "it is less than max-bytes");
  }
  settings.most_unfinished_bytes = settings.frames.most_bytes;
}

// Where the address is given in numbers it is known before anything is opened.
void check_exposure(const Settings& settings, std::span<const KeyValue> given) {
  if (settings.place.may_be_exposed || !settings.place.address) return;
  for (const SocketAddress& one : numeric_addresses(*settings.place.address)) {
    if (one.is_loopback()) continue;
    throw Error(ErrorCode::kConfiguration, kClashOperation, find_value(given, "tcp")->where,
                kExposed);
  }
}

}  // namespace

std::span<const AdapterKey> socket_in_keys() {
  static constexpr auto kKeys = keys_of(kTable);
  return kKeys;
}

SocketInSettings parse_socket_in_settings(std::span<const KeyValue> given) {
  SocketInSettings settings;
  read_keys(settings, given, kTable, kType);
  check_place(settings, given);
  check_memory(settings, given);
  check_certificate(given);
  settings.has_tls = !settings.tls.certificate.empty();
  if (const KeyValue* const found = find_value(given, "tls-client-ca");
      found != nullptr && !settings.has_tls) {
    throw clash(*found, "it needs tls-certificate and tls-key");
  }
  settings.place.may_be_exposed = settings.place.may_be_exposed || settings.has_tls;
  check_exposure(settings, given);
  return settings;
}

std::shared_ptr<const BridgePlan> plan_socket_in(std::string queue,
                                                 std::span<const KeyValue> given) {
  SocketInSettings settings = parse_socket_in_settings(given);
  std::string place = settings.place.text();
  return std::make_shared<PlanOf<SocketInSettings, SocketInAdapter>>(
      std::move(queue), std::move(place), std::move(settings));
}

}  // namespace spoolmq::adapters

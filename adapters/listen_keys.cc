#include "adapters/listen_keys.h"

#include "adapters/account_names.h"
#include "adapters/place_key.h"
#include "adapters/socket_keys.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::array<std::string_view, 3> kPlaces{"unix", "tcp", "activation"};
constexpr std::size_t kMostConnections = 100'000;
constexpr std::size_t kMostNameBytes = 255;  // sd_listen_fds_with_names(3)

// Where the address is given in numbers it is known before anything is opened.
void check_exposure(const ReceptionRules& rules, std::span<const KeyValue> given) {
  if (rules.place.may_be_exposed || !rules.place.address) return;
  for (const SocketAddress& one : numeric_addresses(*rules.place.address)) {
    if (one.is_loopback()) continue;
    throw Error(ErrorCode::kConfiguration, kClashOperation, find_value(given, "tcp")->where,
                kExposed);
  }
}

}  // namespace

void read_listen_group(ReceptionRules& rules, const KeyValue& given) {
  rules.place.group = find_group(given.value);
  if (!rules.place.group) throw bad_value(given, "there is no such group");
}

void read_activation(ReceptionRules& rules, const KeyValue& given) {
  if (given.value.empty() || given.value.size() > kMostNameBytes ||
      given.value.find(':') != std::string::npos) {
    throw bad_value(given, "not the name of a socket, as FileDescriptorName= gives it");
  }
  rules.place.activation = given.value;
}

void read_most_connections(ReceptionRules& rules, const KeyValue& given) {
  rules.most_connections = parse_count(given, 1, kMostConnections);
}

void read_listen_path(ReceptionRules& rules, const KeyValue& given) {
  rules.place.path = parse_file_path(given);
}

void read_listen_address(ReceptionRules& rules, const KeyValue& given) {
  rules.place.address = parse_address(given);
}

void read_tls_file(std::string& to, const KeyValue& given) { to = parse_file_path(given); }

void check_listening(ReceptionRules& rules, std::span<const KeyValue> given,
                     std::string_view type) {
  check_one_of(given, kPlaces, type);
  for (const std::string_view key : {"mode", "owner-group"}) {
    const KeyValue* const found = find_value(given, key);
    if (found != nullptr && rules.place.path.empty()) throw clash(*found, "it is for unix");
  }
  for (const std::string_view key : {"allow-users", "allow-groups"}) refuse_both(given, key, "tcp");
  check_certificate(given);
  rules.has_tls = !rules.tls.certificate.empty();
  if (const KeyValue* const found = find_value(given, "tls-client-ca");
      found != nullptr && !rules.has_tls) {
    throw clash(*found, "it needs tls-certificate and tls-key");
  }
  rules.place.may_be_exposed = rules.place.may_be_exposed || rules.has_tls;
  check_exposure(rules, given);
}

}  // namespace spoolmq::adapters

#pragma once
// The keys of every server of streams: where it listens, who may connect, and TLS. Of settings that
// have a `reception`.

#include <array>
#include <span>
#include <string_view>

#include "adapters/key_table.h"
#include "adapters/reception.h"

namespace spoolmq::adapters {

// Readers of one key; each throws bad_value.
void read_listen_group(ReceptionRules& rules, const KeyValue& given);
void read_activation(ReceptionRules& rules, const KeyValue& given);
void read_most_connections(ReceptionRules& rules, const KeyValue& given);
void read_listen_path(ReceptionRules& rules, const KeyValue& given);
void read_listen_address(ReceptionRules& rules, const KeyValue& given);
void read_tls_file(std::string& to, const KeyValue& given);

// What of them goes together; sets what follows from others. Throws Error(kUsage); kConfiguration
// for an address that other machines reach and may not.
void check_listening(ReceptionRules& rules, std::span<const KeyValue> given, std::string_view type);

template <typename Settings>
constexpr auto kListenRows = std::to_array<KeyRow<Settings>>({
    {{"unix", "PATH", "listens at a Unix socket, made here"},
     [](Settings& to, const KeyValue& given) { read_listen_path(to.reception, given); }},
    {{"mode", "OCTAL", "permission bits of that path (default 0600)"},
     [](Settings& to, const KeyValue& given) { to.reception.place.mode = parse_mode(given); }},
    {{"owner-group", "G", "its group, a name or a number"},
     [](Settings& to, const KeyValue& given) { read_listen_group(to.reception, given); }},
    {{"tcp", "HOST:PORT", "listens at an address; port 0: the kernel chooses, the log tells"},
     [](Settings& to, const KeyValue& given) { read_listen_address(to.reception, given); }},
    {{"activation", "NAME", "listens at what the service manager passed under that name"},
     [](Settings& to, const KeyValue& given) { read_activation(to.reception, given); }},
    {{"allow-users", "U", "who may connect to a Unix socket: names or numbers", KeyTimes::kMany},
     [](Settings& to, const KeyValue& given) { add_user(to.reception.allowed, given); }},
    {{"allow-groups", "G", "likewise, whoever is in one of these groups", KeyTimes::kMany},
     [](Settings& to, const KeyValue& given) { add_group(to.reception.allowed, given); }},
    {{"max-connections", "N", "at a time; more wait to be accepted (default 1000)"},
     [](Settings& to, const KeyValue& given) { read_most_connections(to.reception, given); }},
    {{"tls-certificate", "PATH", "PEM, with those between it and its root: TLS 1.2 or 1.3 only"},
     [](Settings& to, const KeyValue& given) {
       read_tls_file(to.reception.tls.certificate, given);
     }},
    {{"tls-key", "PATH", "its private key, PEM"},
     [](Settings& to, const KeyValue& given) { read_tls_file(to.reception.tls.key, given); }},
    {{"tls-client-ca", "PATH", "clients must have a certificate signed by one of these"},
     [](Settings& to, const KeyValue& given) {
       read_tls_file(to.reception.tls.authorities, given);
     }},
    {{"insecure", "", "other machines may connect without TLS"},
     [](Settings& to, const KeyValue& given) {
       to.reception.place.may_be_exposed = parse_flag(given);
     }},
});

}  // namespace spoolmq::adapters

#include "adapters/stomp_server_settings.h"

#include <array>
#include <string_view>
#include <utility>

#include "adapters/listen_keys.h"
#include "adapters/socket_keys.h"
#include "adapters/stomp_server.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kType = "stomp";

using Settings = StompServerSettings;

constexpr auto kOwn = std::to_array<KeyRow<Settings>>({
    {{"create", "", "queues that clients name and that are not there are made"},
     [](Settings& to, const KeyValue& given) { to.session.may_create = parse_flag(given); }},
    {{"max-bytes", "S", "of one message (default 10M)"},
     [](Settings& to, const KeyValue& given) { to.frames.body_bytes = parse_frame_bytes(given); }},
    {{"max-memory", "S", "for messages that are not whole yet, of all connections (default 256M)"},
     [](Settings& to, const KeyValue& given) { to.most_unfinished_bytes = parse_bytes(given); }},
    {{"prefetch", "N", "deliveries without ACK, where a SUBSCRIBE names no number (default 100)"},
     [](Settings& to, const KeyValue& given) {
       to.session.prefetch = parse_count(given, 1, kMostPrefetch);
     }},
    {{"max-unacknowledged", "S", "bytes of them, per connection (default 64M)"},
     [](Settings& to, const KeyValue& given) { to.session.held_bytes = parse_bytes(given); }},
    {{"handshake-timeout", "D", "for TLS and CONNECT (default 10s)"},
     [](Settings& to, const KeyValue& given) { to.handshake_ms = parse_some_time(given); }},
    {{"frame-timeout", "D",
      "a connection whose frame takes longer is ended (default 2m; 0: never)"},
     [](Settings& to, const KeyValue& given) { to.frame_ms = parse_duration_ms(given); }},
    {{"idle-timeout", "D", "likewise one without heart-beats that says nothing (default 0: never)"},
     [](Settings& to, const KeyValue& given) { to.idle_ms = parse_duration_ms(given); }},
});

constexpr auto kTable = join_rows(join_rows(kListenRows<Settings>, kAccessRows<Settings>), kOwn);

// One message of the largest kind must have room.
void check_memory(Settings& settings, std::span<const KeyValue> given) {
  if (settings.most_unfinished_bytes >= settings.frames.body_bytes) return;
  if (const KeyValue* const found = find_value(given, "max-memory")) {
    throw clash(*found, "it is less than max-bytes");
  }
  settings.most_unfinished_bytes = settings.frames.body_bytes;
}

}  // namespace

std::span<const AdapterKey> stomp_server_keys() {
  static constexpr auto kKeys = keys_of(kTable);
  return kKeys;
}

StompServerSettings parse_stomp_server_settings(std::span<const KeyValue> given) {
  StompServerSettings settings;
  read_keys(settings, given, kTable, kType);
  check_listening(settings.reception, given, kType);
  check_memory(settings, given);
  return settings;
}

std::shared_ptr<const BridgePlan> plan_stomp_server(std::string queue,
                                                    std::span<const KeyValue> given) {
  StompServerSettings settings = parse_stomp_server_settings(given);
  std::string place = settings.reception.place.text();
  return std::make_shared<PlanOf<StompServerSettings, StompServer>>(
      std::move(queue), std::move(place), std::move(settings));
}

}  // namespace spoolmq::adapters

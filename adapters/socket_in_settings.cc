#include "adapters/socket_in_settings.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "adapters/listen_keys.h"
#include "adapters/socket_in_adapter.h"
#include "adapters/socket_keys.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kType = "socket-in";

// ---- Readers of one key

void read_unfinished(SocketInSettings& settings, const KeyValue& given) {
  constexpr std::array<std::string_view, 2> kWords{"refuse", "take"};
  settings.takes_unended = parse_choice(given, kWords) == 1;
}

using Settings = SocketInSettings;

constexpr auto kOwn = std::to_array<KeyRow<Settings>>({
    {{"framing", "line|null|netstring|length", "how messages are told apart (default line)"},
     [](Settings& to, const KeyValue& given) { to.frames.kind = parse_framing(given); }},
    {{"max-bytes", "S", "of one message (default 10M)"},
     [](Settings& to, const KeyValue& given) { to.frames.most_bytes = parse_frame_bytes(given); }},
    {{"answers", "", "a line per message, once it is durable: ok ID, no WHY, again WHY"},
     [](Settings& to, const KeyValue& given) { to.answers = parse_flag(given); }},
    {{"unfinished", "refuse|take", "a last line or record without its end (default refuse)"},
     read_unfinished},
    {{"max-memory", "S", "for messages that are not whole yet, of all connections (default 256M)"},
     [](Settings& to, const KeyValue& given) { to.most_unfinished_bytes = parse_bytes(given); }},
    {{"idle-timeout", "D", "a connection on which nothing comes is closed (default 0: never)"},
     [](Settings& to, const KeyValue& given) { to.idle_ms = parse_duration_ms(given); }},
    {{"frame-timeout", "D", "likewise one whose message takes longer to come (default 0: never)"},
     [](Settings& to, const KeyValue& given) { to.frame_ms = parse_duration_ms(given); }},
    {{"handshake-timeout", "D", "for a client's TLS handshake (default 10s)"},
     [](Settings& to, const KeyValue& given) { to.handshake_ms = parse_some_time(given); }},
});

constexpr auto kTable = join_rows(kListenRows<Settings>, kOwn);

// ---- What goes together

// One message of the largest kind must have room.
void check_memory(Settings& settings, std::span<const KeyValue> given) {
  if (settings.most_unfinished_bytes >= settings.frames.most_bytes) return;
  if (const KeyValue* const found = find_value(given, "max-memory")) {
    throw clash(*found, "it is less than max-bytes");
  }
  settings.most_unfinished_bytes = settings.frames.most_bytes;
}

}  // namespace

std::span<const AdapterKey> socket_in_keys() {
  static constexpr auto kKeys = keys_of(kTable);
  return kKeys;
}

SocketInSettings parse_socket_in_settings(std::span<const KeyValue> given) {
  SocketInSettings settings;
  read_keys(settings, given, kTable, kType);
  check_listening(settings.reception, given, kType);
  check_memory(settings, given);
  return settings;
}

std::shared_ptr<const BridgePlan> plan_socket_in(std::string queue,
                                                 std::span<const KeyValue> given) {
  SocketInSettings settings = parse_socket_in_settings(given);
  std::string place = settings.reception.place.text();
  return std::make_shared<PlanOf<SocketInSettings, SocketInAdapter>>(
      std::move(queue), std::move(place), std::move(settings));
}

}  // namespace spoolmq::adapters

#include "adapters/fetch_settings.h"

#include <array>
#include <string_view>
#include <utility>

#include "adapters/fetch_adapter.h"
#include "adapters/stomp_client_keys.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kType = "fetch";

using Settings = FetchSettings;
using Keys = StompClientKeys<Settings>;

void read_destination(Settings& settings, const KeyValue& given) {
  try {
    settings.destination = DestinationTemplate::parse(given.value);
  } catch (const Error& error) {
    throw bad_value(given, error.why());
  }
  if (settings.destination.has_header()) {
    throw bad_value(given, "there is no message yet whose header it could be");
  }
}

constexpr auto kOwn = std::to_array<KeyRow<Settings>>({
    {{"from", "HOST:PORT", "a broker's STOMP port; several are tried in turn", KeyTimes::kMany},
     Keys::read_host},
    Keys::kUnix,
    Keys::kAllowUsers,
    Keys::kAllowGroups,
    {{"destination", "TEMPLATE", "what is subscribed to (default /queue/{queue})"},
     read_destination},
    {{"header", "NAME=VALUE", "of SUBSCRIBE; an empty value takes one away", KeyTimes::kMany},
     Keys::read_header},
    {{"prefetch", "N", "messages that may be unacknowledged (default 256)"}, Keys::read_window},
    {{"max-bytes", "S", "a larger message breaks the session (default 10M)"},
     Keys::read_most_bytes},
    {{"quiet-for", "D", "with --once: over when nothing came for so long (default 2s)"},
     [](Settings& to, const KeyValue& given) { to.quiet_ms = parse_duration_ms(given); }},
});
constexpr auto kTable = join_rows(kOwn, Keys::kSession);

}  // namespace

std::span<const AdapterKey> fetch_keys() {
  static constexpr auto kKeys = keys_of(kTable);
  return kKeys;
}

FetchSettings parse_fetch_settings(std::span<const KeyValue> given) {
  FetchSettings settings;
  read_keys(settings, given, kTable, kType);
  check_stomp_client(settings, given, "from", kType);
  return settings;
}

std::shared_ptr<const BridgePlan> plan_fetch(std::string queue, std::span<const KeyValue> given) {
  FetchSettings settings = parse_fetch_settings(given);
  std::string place = settings.place_text();
  return std::make_shared<PlanOf<FetchSettings, FetchAdapter>>(std::move(queue), std::move(place),
                                                               std::move(settings));
}

}  // namespace spoolmq::adapters

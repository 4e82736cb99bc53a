#include "adapters/forward_settings.h"

#include <array>
#include <string_view>
#include <utility>

#include "adapters/forward_adapter.h"
#include "adapters/stomp_client_keys.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kType = "forward";
constexpr std::size_t kMostPassed = 256;

using Settings = ForwardSettings;
using Keys = StompClientKeys<Settings>;

void read_destination(Settings& settings, const KeyValue& given) {
  try {
    settings.destination = DestinationTemplate::parse(given.value);
  } catch (const Error& error) {
    throw bad_value(given, error.why());
  }
}

void read_passed(Settings& settings, const KeyValue& given) {
  if (given.value.empty()) throw bad_value(given, "not the name of a header");
  if (settings.passed.size() == kMostPassed) throw bad_value(given, "more than 256 of them");
  settings.passed.push_back(given.value);
}

constexpr auto kOwn = std::to_array<KeyRow<Settings>>({
    {{"to", "HOST:PORT", "a broker's STOMP port; several are tried in turn", KeyTimes::kMany},
     Keys::read_host},
    Keys::kUnix,
    Keys::kAllowUsers,
    Keys::kAllowGroups,
    {{"destination", "TEMPLATE", "with {queue} {header:NAME} (default /queue/{queue})"},
     read_destination},
    {{"header", "NAME=VALUE", "of each SEND; an empty value takes one away", KeyTimes::kMany},
     Keys::read_header},
    {{"pass-header", "NAME", "of a message's headers only these go over (default: all)",
      KeyTimes::kMany},
     read_passed},
    {{"window", "N", "messages that may be without a receipt (default 256)"}, Keys::read_window},
    {{"max-bytes", "S", "a larger message goes dead (default 10M)"}, Keys::read_most_bytes},
});
constexpr auto kTable = join_rows(kOwn, Keys::kSession);

}  // namespace

std::span<const AdapterKey> forward_keys() {
  static constexpr auto kKeys = keys_of(kTable);
  return kKeys;
}

ForwardSettings parse_forward_settings(std::span<const KeyValue> given) {
  ForwardSettings settings;
  read_keys(settings, given, kTable, kType);
  check_stomp_client(settings, given, "to", kType);
  return settings;
}

std::shared_ptr<const BridgePlan> plan_forward(std::string queue, std::span<const KeyValue> given) {
  ForwardSettings settings = parse_forward_settings(given);
  std::string place = settings.place_text();
  return std::make_shared<PlanOf<ForwardSettings, ForwardAdapter>>(
      std::move(queue), std::move(place), std::move(settings));
}

}  // namespace spoolmq::adapters

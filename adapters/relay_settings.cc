#include "adapters/relay_settings.h"

#include <array>
#include <utility>

#include "adapters/key_table.h"
#include "adapters/relay.h"
#include "core/names.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMaxPathBytes = 4095;  // PATH_MAX less its NUL
constexpr std::string_view kType = "relay";

void read_to_queue(RelaySettings& settings, const KeyValue& given) {
  if (const auto why = names::refuse_queue_name(given.value)) throw bad_value(given, *why);
  settings.to_queue = given.value;
}

void read_to_root(RelaySettings& settings, const KeyValue& given) {
  const std::string& path = given.value;
  if (path.empty() || path.front() != '/' || path.size() > kMaxPathBytes ||
      path.find('\0') != std::string::npos) {
    throw bad_value(given, "it must be the absolute path of a root");
  }
  settings.to_root = path;
}

constexpr auto kTable = std::to_array<KeyRow<RelaySettings>>({
    {{"to-queue", "Q2", "the queue that messages go to"}, read_to_queue},
    {{"to-root", "DIR", "the root that it is in, an absolute path (default: the same)"},
     read_to_root},
});

}  // namespace

std::span<const AdapterKey> relay_keys() {
  static constexpr auto keys = keys_of(kTable);
  return keys;
}

std::shared_ptr<const BridgePlan> parse_relay(std::string queue, std::span<const KeyValue> given) {
  RelaySettings settings;
  read_keys(settings, given, kTable, kType);
  const KeyValue& to = required_value(given, "to-queue", kType);
  if (settings.to_root.empty() && settings.to_queue == queue) {
    throw bad_value(to, "it is the queue that messages are taken from");
  }
  std::string place =
      settings.to_root.empty() ? settings.to_queue : settings.to_root + " " + settings.to_queue;
  return std::make_shared<PlanOf<RelaySettings, Relay>>(std::move(queue), std::move(place),
                                                        std::move(settings));
}

}  // namespace spoolmq::adapters

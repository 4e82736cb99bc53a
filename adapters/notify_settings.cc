#include "adapters/notify_settings.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "adapters/key_table.h"
#include "adapters/notify_adapter.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kType = "notify";

// kill(2) reads 0 and below as groups; a pidfd never does.
pid_t parse_pid(const KeyValue& given, std::string_view text) {
  pid_t pid = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (failed != std::errc() || end != text.data() + text.size() || pid < 1) {
    throw bad_value(given, "not PID:SIGNAL such as 4711:USR1: there is no such process number");
  }
  return pid;
}

void read_notify(NotifySettings& settings, const KeyValue& given) {
  const std::string_view text = given.value;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    throw bad_value(given, "not PID:SIGNAL such as 4711:USR1");
  }
  if (settings.processes.size() == kMaxNotified) {
    throw bad_value(given, "more than " + std::to_string(kMaxNotified) + " of them");
  }
  const pid_t pid = parse_pid(given, text.substr(0, colon));
  const std::optional<int> signal = parse_signal(text.substr(colon + 1));
  if (!signal) {
    throw bad_value(given, "no signal such as USR1, 10 or SIGRTMIN+2");
  }
  settings.processes.push_back(std::make_shared<const NotifiedProcess>(pid, *signal));
}

constexpr auto kTable = std::to_array<KeyRow<NotifySettings>>({
    {{"notify", "PID:SIGNAL", "a process and its signal, by name or number; an array",
      KeyTimes::kMany},
     read_notify},
});

}  // namespace

std::span<const AdapterKey> notify_keys() {
  static constexpr auto keys = keys_of(kTable);
  return keys;
}

std::shared_ptr<const BridgePlan> parse_notify(std::string queue, std::span<const KeyValue> given) {
  NotifySettings settings;
  read_keys(settings, given, kTable, kType);
  required_value(given, "notify", kType);
  std::string place;
  for (const auto& process : settings.processes) {
    place.append(place.empty() ? "" : " ").append(process->text());
  }
  return std::make_shared<PlanOf<NotifySettings, NotifyAdapter>>(std::move(queue), std::move(place),
                                                                 std::move(settings));
}

}  // namespace spoolmq::adapters

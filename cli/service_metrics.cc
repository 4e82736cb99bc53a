#include "cli/service_metrics.h"

#include <array>
#include <string_view>

#include "cli/prometheus.h"

namespace spoolmq::cli {
namespace {

struct Heading {
  std::string_view name;
  std::string_view type;  // "gauge", "counter"
  std::string_view help;
};

void begin(std::string& out, const Heading& heading) {
  out.append("# HELP spoolmq_").append(heading.name).append(" ").append(heading.help).append("\n");
  out.append("# TYPE spoolmq_").append(heading.name).append(" ").append(heading.type).append("\n");
}

void alone(std::string& out, const Heading& heading, const std::string& value) {
  begin(out, heading);
  out.append("spoolmq_").append(heading.name).append(" ").append(value).append("\n");
}

// `more` is nothing or `,name="value"`.
void sample(std::string& out, const Heading& heading, const AdapterStatus& adapter,
            std::string_view more, const std::string& value) {
  out.append("spoolmq_").append(heading.name);
  out.append("{adapter=\"").append(prometheus_label(adapter.name));
  out.append("\",type=\"").append(prometheus_label(adapter.type));
  out.append("\",queue=\"").append(prometheus_label(adapter.queue)).append("\"");
  out.append(more).append("} ").append(value).append("\n");
}

template <typename ValueOf>
void per_adapter(std::string& out, std::span<const AdapterStatus> adapters, const Heading& heading,
                 ValueOf value_of) {
  begin(out, heading);
  for (const AdapterStatus& adapter : adapters) {
    sample(out, heading, adapter, "", std::to_string(value_of(adapter)));
  }
}

void states(std::string& out, std::span<const AdapterStatus> adapters) {
  const Heading heading{"adapter_state", "gauge", "1 for the state that the adapter is in."};
  begin(out, heading);
  for (const AdapterStatus& adapter : adapters) {
    for (const AdapterState state :
         {AdapterState::kRunning, AdapterState::kPaused, AdapterState::kStopped}) {
      const std::string label = ",state=\"" + std::string(adapter_state_name(state)) + "\"";
      sample(out, heading, adapter, label, adapter.state == state ? "1" : "0");
    }
  }
}

}  // namespace

std::string service_metrics_text(const ServiceFacts& facts,
                                 std::span<const AdapterStatus> adapters) {
  std::string out;
  alone(out, {"service_start_time_seconds", "gauge", "When the service was started, Unix time."},
        std::to_string(facts.started_wall_ms / 1000));
  alone(out, {"service_queues", "gauge", "Queues that the service sweeps."},
        std::to_string(facts.queues_swept));
  alone(out, {"service_config_ok", "gauge", "0 where the last reload was refused."},
        facts.config_ok ? "1" : "0");
  states(out, adapters);
  per_adapter(out, adapters, {"adapter_moved_total", "counter", "Messages that went through."},
              [](const AdapterStatus& one) { return one.moved; });
  per_adapter(out, adapters, {"adapter_moved_bytes_total", "counter", "Bytes of these messages."},
              [](const AdapterStatus& one) { return one.bytes; });
  per_adapter(out, adapters, {"adapter_refused_total", "counter", "What was put aside as bad."},
              [](const AdapterStatus& one) { return one.refused; });
  per_adapter(out, adapters, {"adapter_waiting", "gauge", "What the last look left for later."},
              [](const AdapterStatus& one) { return one.waiting; });
  per_adapter(out, adapters,
              {"adapter_last_success_time_seconds", "gauge",
               "When a message last went through, Unix time, 0: never."},
              [](const AdapterStatus& one) { return one.last_success_wall_ms / 1000; });
  return out;
}

}  // namespace spoolmq::cli

#include "cli/prometheus.h"

#include <algorithm>

namespace spoolmq::cli {
namespace {

class Family {
 public:
  // `type`: "gauge" or "counter".
  Family(std::string& out, std::string_view name, std::string_view help,
         std::string_view type = "gauge")
      : out_(out), name_("spoolmq_" + std::string(name)) {
    out_.append("# HELP ").append(name_).append(" ").append(help).append("\n");
    out_.append("# TYPE ").append(name_).append(" ").append(type).append("\n");
  }
  // `label` is nothing or `,name="value"`.
  void sample(const NamedStats& queue, const std::string& label, const std::string& value) {
    out_.append(name_).append("{queue=\"").append(prometheus_label(queue.queue)).append("\"");
    out_.append(label).append("} ").append(value).append("\n");
  }

 private:
  std::string& out_;
  const std::string name_;
};

using Queues = std::span<const NamedStats>;

void per_state(std::string& out, Queues queues, std::string_view name, std::string_view help,
               std::int64_t StateCount::*member) {
  Family family(out, name, help);
  for (const NamedStats& queue : queues) {
    for (std::size_t i = 0; i < kStateCount; ++i) {
      const auto state = static_cast<State>(i);
      family.sample(queue, ",state=\"" + std::string(state_name(state)) + "\"",
                    std::to_string(queue.stats.of(state).*member));
    }
  }
}

template <typename ValueOf>
void per_queue(std::string& out, Queues queues, std::string_view name, std::string_view help,
               ValueOf value_of) {
  Family family(out, name, help);
  for (const NamedStats& queue : queues) {
    family.sample(queue, "", std::to_string(value_of(queue)));
  }
}

void counter(std::string& out, Queues queues, std::string_view name, std::string_view help,
             std::int64_t QueueTotals::*member) {
  Family family(out, name, help, "counter");
  for (const NamedStats& queue : queues) {
    family.sample(queue, "", std::to_string(queue.stats.totals.*member));
  }
}

std::string seconds_text(std::int64_t us) {
  std::string fraction = std::to_string(us % 1'000'000);
  fraction.insert(0, 6 - fraction.size(), '0');
  return std::to_string(us / 1'000'000) + "." + fraction;
}

// What began at 0 with the index. Prometheus takes a value that went down for a new beginning.
void totals(std::string& out, Queues queues) {
  counter(out, queues, "queue_sent_total", "Messages sent.", &QueueTotals::sent);
  counter(out, queues, "queue_acked_total", "Messages acknowledged.", &QueueTotals::acked);
  counter(out, queues, "queue_failures_total",
          "Deliveries that failed: nacks, rejects, leases that expired or whose holder died.",
          &QueueTotals::failures);
  counter(out, queues, "queue_dead_total", "Messages that became dead.", &QueueTotals::dead);
  counter(out, queues, "queue_syncs_total", "Syncs of spool files, directories and the log.",
          &QueueTotals::syncs);
  Family seconds(out, "queue_sync_seconds_total", "How long these syncs took.", "counter");
  for (const NamedStats& queue : queues) {
    seconds.sample(queue, "", seconds_text(queue.stats.totals.sync_us));
  }
}

void pauses(std::string& out, Queues queues) {
  Family family(out, "paused", "1 where the queue is paused for this act.");
  for (const NamedStats& queue : queues) {
    family.sample(queue, ",act=\"receive\"", queue.receive_paused ? "1" : "0");
    family.sample(queue, ",act=\"send\"", queue.send_paused ? "1" : "0");
  }
}

}  // namespace

std::string prometheus_label(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\n') {
      escaped.append("\\n");
      continue;
    }
    if (c == '\\' || c == '"') escaped.push_back('\\');
    escaped.push_back(c);
  }
  return escaped;
}

std::string prometheus_text(Queues queues, std::int64_t now_ms) {
  std::string out;
  per_state(out, queues, "messages", "Messages in this state.", &StateCount::messages);
  per_state(out, queues, "bytes", "Bytes of the messages in this state.", &StateCount::bytes);
  per_queue(out, queues, "reserved", "Places promised to sends that are under way.",
            [](const NamedStats& queue) { return queue.stats.reserved; });
  per_queue(out, queues, "oldest_ready_age_seconds", "Age of the oldest ready message, 0: none.",
            [now_ms](const NamedStats& queue) {
              const std::int64_t sent_ms = queue.stats.oldest_ready_sent_ms;
              const std::int64_t age_ms = sent_ms == 0 ? 0 : now_ms - sent_ms;
              return std::max<std::int64_t>(age_ms, 0) / 1000;
            });
  per_queue(out, queues, "segments", "Spool files that may hold several messages.",
            [](const NamedStats& queue) { return queue.stats.segments; });
  per_queue(out, queues, "index_bytes", "Size of the index.",
            [](const NamedStats& queue) { return queue.stats.index_bytes; });
  per_queue(out, queues, "index_log_bytes", "Size of the index's write-ahead log.",
            [](const NamedStats& queue) { return queue.stats.log_bytes; });
  totals(out, queues);
  pauses(out, queues);
  return out;
}

}  // namespace spoolmq::cli

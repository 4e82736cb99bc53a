// stats and consumers: queues as a whole.

#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "cli/json_output.h"
#include "cli/look_commands.h"
#include "cli/output.h"
#include "cli/prometheus.h"
#include "cli/table.h"
#include "core/clock.h"
#include "core/units.h"

namespace spoolmq::cli {
namespace {

using nlohmann::ordered_json;

NamedStats stats_of(Context& context, const std::string& name) {
  Queue queue = context.queue(name);
  NamedStats named{queue.name(), queue.stats(), false, false};
  if (const std::optional<Pause> pause = queue.paused()) {
    named.receive_paused = pause->receive;
    named.send_paused = pause->send;
  }
  if (named.stats.may_lag && !context.quiet) {
    say("stats", name, "not writable here: messages that are not indexed yet are not counted");
  }
  return named;
}

ordered_json totals_json(const QueueTotals& totals) {
  return {{"sent", totals.sent},
          {"acked", totals.acked},
          {"failures", totals.failures},
          {"dead", totals.dead},
          {"syncs", totals.syncs},
          {"sync_us", totals.sync_us},
          {"longest_sync_us", totals.longest_sync_us}};
}

ordered_json stats_json(const NamedStats& named) {
  const QueueStats& stats = named.stats;
  ordered_json object;
  object["queue"] = named.queue;
  ordered_json bytes;
  for (std::size_t i = 0; i < kStateCount; ++i) {
    const auto state = static_cast<State>(i);
    object[std::string(state_name(state))] = stats.of(state).messages;
    bytes[std::string(state_name(state))] = stats.of(state).bytes;
  }
  object["bytes"] = std::move(bytes);
  object["reserved"] = stats.reserved;
  if (stats.oldest_ready_sent_ms != 0) {
    object["oldest_ready_sent"] = format_time(stats.oldest_ready_sent_ms);
  }
  object["segments"] = stats.segments;
  object["generation"] = stats.generation;
  object["index_bytes"] = stats.index_bytes;
  object["log_bytes"] = stats.log_bytes;
  object["receive_paused"] = named.receive_paused;
  object["send_paused"] = named.send_paused;
  object["may_lag"] = stats.may_lag;
  object["totals"] = totals_json(stats.totals);
  return object;
}

std::string paused_cell(const NamedStats& named) {
  if (named.receive_paused) return named.send_paused ? "both" : "receive";
  return named.send_paused ? "send" : "";
}

std::string stats_table(const std::vector<NamedStats>& queues, std::int64_t now_ms) {
  Table table({{"QUEUE"},
               {"READY", Align::kRight},
               {"DELAYED", Align::kRight},
               {"LEASED", Align::kRight},
               {"HELD", Align::kRight},
               {"DEAD", Align::kRight},
               {"CORRUPT", Align::kRight},
               {"ARCHIVED", Align::kRight},
               {"SIZE", Align::kRight},
               {"OLDEST", Align::kRight},
               {"SEGMENTS", Align::kRight},
               {"PAUSED"}});
  for (const NamedStats& named : queues) {
    std::vector<std::string> cells{named.queue};
    std::uint64_t bytes = 0;
    for (const StateCount& count : named.stats.states) {
      cells.push_back(std::to_string(count.messages));
      bytes += static_cast<std::uint64_t>(count.bytes);
    }
    const std::int64_t oldest_ms = named.stats.oldest_ready_sent_ms;
    cells.push_back(rough_size(bytes));
    cells.push_back(oldest_ms == 0 ? "" : rough_duration(now_ms - oldest_ms));
    cells.push_back(std::to_string(named.stats.segments));
    cells.push_back(paused_cell(named));
    table.add(std::move(cells));
  }
  return table.take();
}

ordered_json consumer_json(const Consumer& consumer) {
  ordered_json object;
  object["slot"] = consumer.slot;
  object["pid"] = consumer.pid;
  object["uid"] = consumer.uid;
  object["host"] = consumer.host;
  object["name"] = consumer.name;
  object["alive"] = consumer.alive;
  object["waiting"] = consumer.waiting;
  object["opened"] = format_time(consumer.opened_at_ms);
  object["leases"] = consumer.leases;
  object["unindexed_bytes"] = consumer.unindexed_bytes;
  return object;
}

// The handle that this very command looks through.
bool is_own(const Consumer& consumer) {
  return consumer.alive && consumer.leases == 0 && !consumer.waiting &&
         consumer.pid == static_cast<std::uint32_t>(::getpid());
}

std::string activity(const Consumer& consumer) {
  if (!consumer.alive) return "gone";
  return consumer.waiting ? "waiting" : "open";
}

}  // namespace

int run_stats(Context& context, const Arguments& arguments) {
  const std::optional<std::string> format = arguments.value("--format");
  if (format && *format != "prometheus") {
    throw Error(ErrorCode::kUsage, "read options", "--format " + *format,
                "not a format: prometheus");
  }
  std::vector<NamedStats> queues;
  int code = kDone;
  if (!arguments.operands.empty()) {
    queues.push_back(stats_of(context, arguments.operands.front()));
  } else {
    for (const std::string& name : context.root().queues()) {
      try {
        queues.push_back(stats_of(context, name));
      } catch (const Error& error) {
        say(error.operation(), error.subject(), error.why());
        code = kPartly;
      }
    }
  }
  const std::int64_t now_ms = SystemClock().wall_ms();
  if (format) {
    write_out(prometheus_text(queues, now_ms));
  } else if (context.json) {
    for (const NamedStats& named : queues) print_line(stats_json(named));
  } else {
    write_out(stats_table(queues, now_ms));
  }
  return code;
}

int run_consumers(Context& context, const Arguments& arguments) {
  Queue queue = context.queue(arguments.operands.front());
  const std::int64_t now_ms = SystemClock().wall_ms();
  Table table({{"PID", Align::kRight},
               {"UID", Align::kRight},
               {"HOST"},
               {"NAME"},
               {"STATE"},
               {"LEASES", Align::kRight},
               {"UNINDEXED", Align::kRight},
               {"OPEN", Align::kRight}});
  bool any = false;
  for (const Consumer& consumer : queue.consumers()) {
    if (is_own(consumer)) continue;
    any = true;
    if (context.json) {
      print_line(consumer_json(consumer));
      continue;
    }
    table.add({std::to_string(consumer.pid), std::to_string(consumer.uid), consumer.host,
               consumer.name, activity(consumer), std::to_string(consumer.leases),
               rough_size(consumer.unindexed_bytes),
               rough_duration(now_ms - consumer.opened_at_ms)});
  }
  write_out(table.take());
  return any ? kDone : kNothing;
}

}  // namespace spoolmq::cli

// bench: the machine's limits and this program's share of them, measured in one run on the disk
// that the queues are on.

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>

#include "cli/bench/bench_place.h"
#include "cli/bench/channel.h"
#include "cli/bench/system_channels.h"
#include "cli/bench/workload.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/output.h"
#include "cli/table.h"
#include "core/log.h"

namespace spoolmq::cli {
namespace {

using bench::Conditions;
using bench::Place;
using bench::Sample;
using bench::SystemChannel;
using bench::Unit;
using bench::Workload;

constexpr std::string_view kBareWays = "ipc";
constexpr std::int64_t kLargestBody = 8 << 20;
constexpr std::int64_t kMostMessages = 10'000'000;
constexpr std::int64_t kMostRuns = 100;
constexpr std::size_t kBarPlaces = 20;
constexpr int kBareMessages = 20'000;
constexpr int kBareWarmUp = 500;
constexpr std::chrono::microseconds kBareApart{10};
constexpr double kNsPerUs = 1000;

constexpr std::array kOptions{
    OptionSpec{"--size", "S", "of a body (default 1K)"},
    OptionSpec{"--count", "N", "so many messages, instead of a second's"},
    OptionSpec{"--runs", "N", "medians of so many (default 1)"},
    OptionSpec{"--processes", "", "send16 with processes instead of threads"},
    OptionSpec{"--dir", "DIR", "on this disk (default: the root's)"},
    OptionSpec{"--list", "", "names the workloads"},
};

std::vector<const Workload*> all_workloads() {
  std::vector<const Workload*> all;
  for (const auto& table :
       {bench::send_workloads(), bench::receive_workloads(), bench::latency_workloads(),
        bench::file_workloads(), bench::growth_workloads()}) {
    for (const Workload& one : table) all.push_back(&one);
  }
  return all;
}

const Workload& workload_named(std::string_view name) {
  for (const Workload* const one : all_workloads()) {
    if (one->name == name) return *one;
  }
  throw Error(ErrorCode::kUsage, "bench", name, "no such workload; `bench --list` names them");
}

std::vector<const Workload*> wanted_workloads(const Arguments& arguments) {
  if (arguments.operands.empty()) return all_workloads();
  std::vector<const Workload*> wanted;
  for (const std::string& name : arguments.operands) {
    if (name == kBareWays) continue;
    const bool by_processes = name == "send16" && arguments.has("--processes");
    wanted.push_back(&workload_named(by_processes ? "send16-processes" : name));
  }
  return wanted;
}

// The root's own disk, or where the root will be.
std::string place_for(const Context& context, const Arguments& arguments) {
  if (const auto given = arguments.value("--dir")) return *given;
  std::filesystem::path place =
      context.root_path.empty() ? Root::default_path() : context.root_path;
  while (!std::filesystem::is_directory(place) && place.has_parent_path()) {
    place = place.parent_path();
  }
  return place;
}

struct Plan {
  Conditions conditions;
  std::string parent;
  int runs = 1;
};

Plan read_plan(const Context& context, const Arguments& arguments) {
  Plan plan;
  plan.parent = place_for(context, arguments);
  if (const auto size = arguments.size("--size")) {
    if (*size < static_cast<std::int64_t>(sizeof(int)) || *size > kLargestBody) {
      throw Error(ErrorCode::kUsage, "bench", "--size", "4 to 8M bytes");
    }
    plan.conditions.body_bytes = static_cast<std::size_t>(*size);
  }
  plan.conditions.count = arguments.integer("--count", 1, kMostMessages);
  plan.runs = static_cast<int>(arguments.integer("--runs", 1, kMostRuns).value_or(1));
  return plan;
}

// Medians of all runs.
struct Result {
  double value = 0;
  double limit = 0;  // 0: none
  std::vector<std::pair<std::string, double>> further;
  // The part of the limit that is reached: 1 is all of it.
  [[nodiscard]] double share(Unit unit) const {
    return unit == Unit::kPerSecond ? value / limit : limit / value;
  }
};

// A limit and a workload take turns, each in a directory of its own, so that what else the machine
// does hits both.
Result measure(const Workload& workload, const Plan& plan) {
  std::vector<double> values;
  std::vector<double> limits;
  std::map<std::string, std::vector<double>> further;
  std::vector<std::string> order;
  for (int run = 0; run < plan.runs; ++run) {
    Conditions conditions = plan.conditions;
    if (workload.limit) {
      const Place place(plan.parent);
      conditions.directory = place.path();
      limits.push_back(workload.limit(conditions));
    }
    const Place place(plan.parent);
    conditions.directory = place.path();
    const Sample sample = workload.run(conditions);
    values.push_back(sample.value);
    if (sample.limit > 0) limits.push_back(sample.limit);
    for (const auto& [name, value] : sample.further) {
      if (!further.contains(std::string(name))) order.emplace_back(name);
      further[std::string(name)].push_back(value);
    }
  }
  Result result{bench::median(values), bench::median(limits), {}};
  for (const std::string& name : order) {
    result.further.emplace_back(name, bench::median(further[name]));
  }
  return result;
}

std::string_view json_key(Unit unit) {
  switch (unit) {
    case Unit::kPerSecond:
      return "per_second";
    case Unit::kMicroseconds:
      return "p50_us";
    case Unit::kMilliseconds:
      return "ms";
    case Unit::kBytes:
      break;
  }
  return "bytes_per_message";
}

std::string_view unit_text(Unit unit) {
  switch (unit) {
    case Unit::kPerSecond:
      return "/s";
    case Unit::kMicroseconds:
      return "us";
    case Unit::kMilliseconds:
      return "ms";
    case Unit::kBytes:
      break;
  }
  return "bytes";
}

std::string whole(double value) { return std::to_string(std::llround(value)); }

// Rows are printed one by one, as they are measured: what comes later must not be wider.
constexpr std::size_t kFigurePlaces = 14;
constexpr std::size_t kNamePlaces = 20;
std::string at_right(std::string text) {
  text.insert(0, kFigurePlaces - std::min(text.size(), kFigurePlaces), ' ');
  return text;
}
std::string at_left(std::string text, std::size_t places) {
  text.resize(std::max(text.size(), places), ' ');
  return text;
}

void print_json(const Workload& workload, const Result& result) {
  nlohmann::ordered_json object;
  object["workload"] = workload.name;
  object[std::string(json_key(workload.unit))] = std::llround(result.value);
  for (const auto& [name, value] : result.further) object[name] = std::llround(value);
  if (result.limit > 0) {
    object["limit"] = std::llround(result.limit);
    object["share"] = std::round(result.share(workload.unit) * 1000) / 1000;
    object["limit_name"] = workload.limit_name;
  }
  print_line(object);
}

// A full bar is the limit; what is above it is as long.
std::string bar(double share) {
  const double places = std::clamp(share, 0.0, 1.0) * static_cast<double>(kBarPlaces);
  return std::string(static_cast<std::size_t>(std::lround(places)), '#');
}

void add_row(Table& table, const Workload& workload, const Result& result) {
  const std::string unit = " " + std::string(unit_text(workload.unit));
  if (result.limit <= 0) {
    table.add({at_left(std::string(workload.name), kNamePlaces),
               at_right(whole(result.value) + unit), "", "", "", ""});
    return;
  }
  const double share = result.share(workload.unit);
  table.add({at_left(std::string(workload.name), kNamePlaces), at_right(whole(result.value) + unit),
             at_right(whole(result.limit) + unit), at_right(whole(share * 100) + " %").substr(8),
             at_left(bar(share), kBarPlaces), std::string(workload.limit_name)});
}

void list_workloads() {
  Table table({{"WORKLOAD"}, {"WHAT"}});
  for (const Workload* const one : all_workloads()) {
    table.add({std::string(one->name), std::string(one->summary)});
  }
  table.add({std::string(kBareWays), "the bare ways between processes, none of them durable"});
  write_out(table.take());
}

void measure_bare_ways(const Context& context, const Plan& plan) {
  Table table({{"WAY"},
               {"P50 us", Align::kRight},
               {"P99 us", Align::kRight},
               {"PER SECOND", Align::kRight}});
  const auto messages = static_cast<int>(plan.conditions.count.value_or(kBareMessages));
  const std::size_t bytes = plan.conditions.body_bytes;
  for (const auto* const ways :
       {&bench::stream_channels(), &bench::record_channels(), &bench::buffer_channels()}) {
    for (const SystemChannel& way : *ways) {
      std::vector<double> p50;
      std::vector<double> p99;
      std::vector<double> rates;
      for (int run = 0; run < plan.runs; ++run) {
        const bench::Travel one =
            bench::travel(*way.make(bytes), {std::max(messages / 4, 1), kBareWarmUp, kBareApart});
        p50.push_back(bench::percentile(one.took_ns, 0.5) / kNsPerUs);
        p99.push_back(bench::percentile(one.took_ns, 0.99) / kNsPerUs);
        rates.push_back(bench::rate(*way.make(bytes), messages));
      }
      const double median_p50 = bench::median(p50);
      const double median_p99 = bench::median(p99);
      const double rate = bench::median(rates);
      if (context.json) {
        print_line({{"workload", way.name},
                    {"p50_us", std::round(median_p50 * 10) / 10},
                    {"p99_us", std::round(median_p99 * 10) / 10},
                    {"per_second", std::llround(rate)}});
      } else {
        table.add({at_left(std::string(way.name), kNamePlaces), at_right(whole(median_p50)),
                   at_right(whole(median_p99)), at_right(whole(rate))});
        write_out(table.take());
        flush_out();
      }
    }
  }
}

int run_bench(Context& context, const Arguments& arguments) {
  if (arguments.has("--list")) {
    list_workloads();
    return kDone;
  }
  const Plan plan = read_plan(context, arguments);
  log::set_level(log::Level::kError);  // an index is missing because a measurement removed it
  Table table({{"WORKLOAD"},
               {"REACHED", Align::kRight},
               {"LIMIT", Align::kRight},
               {"SHARE", Align::kRight},
               {"", Align::kLeft},
               {"THE LIMIT IS"}});
  for (const Workload* const workload : wanted_workloads(arguments)) {
    const Result result = measure(*workload, plan);
    if (context.json) {
      print_json(*workload, result);
    } else {
      add_row(table, *workload, result);
      write_out(table.take());
    }
    flush_out();
  }
  const bool is_bare_wanted =
      std::ranges::find(arguments.operands, kBareWays) != arguments.operands.end();
  if (is_bare_wanted) measure_bare_ways(context, plan);
  return kDone;
}

}  // namespace

std::span<const Command> bench_commands() {
  static constexpr std::array kCommands{
      Command{"health", "bench", "[WORKLOAD...]", 0, 64, false,
              "measures this machine, and this program beside its limits",
              "spoolmq bench send1 recv-ack1 latency --runs 5\nspoolmq bench ipc", kOptions,
              run_bench},
  };
  return kCommands;
}

}  // namespace spoolmq::cli

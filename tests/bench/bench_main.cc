// spoolmq_bench: messages per second and latency, each beside the limit of the machine that was
// measured right before it, and its share of that limit. Compare only within one run.
//   spoolmq_bench [--workload NAME]… [--seconds N] [--runs N] [--dir DIR] [--json] [--list]
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/bench_command.h"
#include "tests/bench/bench_place.h"
#include "tests/bench/latency_workload.h"
#include "tests/bench/machine_limits.h"
#include "tests/bench/workloads.h"

namespace spoolmq::bench {
namespace {

struct Options {
  std::vector<std::string> names;  // empty: all
  double seconds = 1;
  int runs = 3;
  std::string parent = "/var/tmp";
  bool json = false;
  bool list = false;
  [[nodiscard]] bool wants(std::string_view name) const {
    for (const std::string& one : names) {
      if (one == name) return true;
    }
    return names.empty();
  }
};

Options parse(Words words) {
  Options options;
  while (const auto word = words.next()) {
    if (*word == "--workload") {
      options.names.push_back(words.value());
    } else if (*word == "--seconds") {
      options.seconds = std::stod(words.value());
    } else if (*word == "--runs") {
      options.runs = std::stoi(words.value());
    } else if (*word == "--dir") {
      options.parent = words.value();
    } else if (*word == "--json") {
      options.json = true;
    } else if (*word == "--list") {
      options.list = true;
    } else {
      words.refuse();
    }
  }
  if (options.seconds <= 0 || options.runs < 1) throw std::runtime_error("nothing to measure");
  return options;
}

// A limit and a workload take turns, each in a directory of its own, so that what else the machine
// does hits both.
void run_rate(const Workload& workload, const Options& options) {
  std::vector<double> rates;
  std::vector<double> limits;
  for (int run = 0; run < options.runs; ++run) {
    {
      const Place place(options.parent);
      limits.push_back(workload.limit({place.path(), options.seconds / 2}));
    }
    const Place place(options.parent);
    rates.push_back(workload.run({place.path(), options.seconds}));
  }
  const double rate = median(rates);
  const double limit = median(limits);
  const std::string name(workload.name);
  if (options.json) {
    std::printf("{\"workload\":\"%s\",\"per_second\":%.0f,\"limit\":%.0f,\"share\":%.3f}\n",
                name.c_str(), rate, limit, rate / limit);
  } else {
    std::printf("%-18s %10.0f /s   limit %10.0f /s   share %4.0f %%   (%s)\n", name.c_str(), rate,
                limit, 100 * rate / limit, std::string(workload.limit_name).c_str());
  }
  std::fflush(stdout);
}

void print(const std::string& name, const Latency& latency, bool json) {
  const double share = latency.append_p50_us / latency.p50_us;
  if (json) {
    std::printf(
        "{\"workload\":\"%s\",\"p50_us\":%.0f,\"p99_us\":%.0f,\"limit\":%.0f,\"share\":%.3f}\n",
        name.c_str(), latency.p50_us, latency.p99_us, latency.append_p50_us, share);
  } else {
    std::printf(
        "%-18s %6.0f us p50 %6.0f us p99   send %6.0f us   limit %6.0f us   share %4.0f %%   %.2f "
        "x   (%s)\n",
        name.c_str(), latency.p50_us, latency.p99_us, latency.send_p50_us, latency.append_p50_us,
        100 * share, 1 / share, "append 1 KiB + fdatasync, in turns");
  }
  std::fflush(stdout);
}

// All that are wanted take turns, in a directory of their own each.
bool run_latencies(const Options& options) {
  bool any = false;
  std::vector<std::vector<Latency>> all(latency_workloads().size());
  for (int run = 0; run < options.runs; ++run) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const LatencyWorkload& one = latency_workloads()[i];
      if (!options.wants(one.name)) continue;
      any = true;
      const Place place(options.parent);
      const std::unique_ptr<Channel> channel = one.make(place.path(), kBodyBytes);
      if (channel) all[i].push_back(measure_latency(*channel, place.path()));
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string name(latency_workloads()[i].name);
    if (!options.wants(name)) continue;
    if (all[i].empty()) {
      std::fprintf(stderr, "spoolmq_bench: %s: not installed\n", name.c_str());
      continue;
    }
    const auto median_of = [&](double Latency::*figure) {
      std::vector<double> values;
      for (const Latency& latency : all[i]) values.push_back(latency.*figure);
      return median(values);
    };
    print(name,
          {median_of(&Latency::p50_us), median_of(&Latency::p99_us),
           median_of(&Latency::send_p50_us), median_of(&Latency::append_p50_us)},
          options.json);
  }
  return any;
}

void run(const Options& options) {
  bool any = false;
  for (const Workload& workload : workloads()) {
    if (options.list) std::printf("%s\n", std::string(workload.name).c_str());
    if (options.list || !options.wants(workload.name)) continue;
    any = true;
    run_rate(workload, options);
  }
  for (const LatencyWorkload& workload : latency_workloads()) {
    if (options.list) std::printf("%s\n", std::string(workload.name).c_str());
  }
  if (options.list) return;
  if (!run_latencies(options) && !any) {
    throw std::runtime_error("no such workload; --list names them");
  }
}

}  // namespace
}  // namespace spoolmq::bench

int main(int count, char** words) {
  return spoolmq::bench::run_benchmark("spoolmq_bench", [&] {
    spoolmq::bench::run(spoolmq::bench::parse(spoolmq::bench::Words(count, words)));
  });
}

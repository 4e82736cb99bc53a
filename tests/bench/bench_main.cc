// spoolmq_bench: messages per second and latency, each beside the limit of the machine that was
// measured right before it, and its share of that limit. Compare only within one run.
//   spoolmq_bench [--workload NAME]… [--seconds N] [--runs N] [--dir DIR] [--json] [--list]
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/bench_place.h"
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

Options parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const auto value = [&] {
      if (++i == count) throw std::runtime_error(std::string(word) + " needs a value");
      return std::string(words[i]);
    };
    if (word == "--workload") {
      options.names.push_back(value());
    } else if (word == "--seconds") {
      options.seconds = std::stod(value());
    } else if (word == "--runs") {
      options.runs = std::stoi(value());
    } else if (word == "--dir") {
      options.parent = value();
    } else if (word == "--json") {
      options.json = true;
    } else if (word == "--list") {
      options.list = true;
    } else {
      throw std::runtime_error("unknown option " + std::string(word));
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

void run_latency(const Options& options) {
  std::vector<double> p50;
  std::vector<double> p99;
  std::vector<double> limits_us;
  for (int run = 0; run < options.runs; ++run) {
    {
      const Place place(options.parent);
      limits_us.push_back(1e6 /
                          appends_per_second(place.path(), kBodyBytes, 1, options.seconds / 2));
    }
    const Place place(options.parent);
    const Latency latency = measure_latency({place.path(), options.seconds});
    p50.push_back(latency.p50_us);
    p99.push_back(latency.p99_us);
  }
  const double limit = median(limits_us);
  const std::string name(kLatency);
  if (options.json) {
    std::printf(
        "{\"workload\":\"%s\",\"p50_us\":%.0f,\"p99_us\":%.0f,\"limit\":%.0f,\"share\":%.3f}\n",
        name.c_str(), median(p50), median(p99), limit, limit / median(p50));
  } else {
    std::printf("%-18s %6.0f us p50 %6.0f us p99   limit %6.0f us   share %4.0f %%   (%s)\n",
                name.c_str(), median(p50), median(p99), limit, 100 * limit / median(p50),
                "one append 1 KiB + fdatasync");
  }
  std::fflush(stdout);
}

void run(const Options& options) {
  bool any = false;
  for (const Workload& workload : workloads()) {
    if (options.list) std::printf("%s\n", std::string(workload.name).c_str());
    if (options.list || !options.wants(workload.name)) continue;
    any = true;
    run_rate(workload, options);
  }
  if (options.list) std::printf("%s\n", std::string(kLatency).c_str());
  if (options.list) return;
  if (options.wants(kLatency)) {
    run_latency(options);
  } else if (!any) {
    throw std::runtime_error("no such workload; --list names them");
  }
}

}  // namespace
}  // namespace spoolmq::bench

int main(int count, char** words) {
  try {
    spoolmq::bench::run(spoolmq::bench::parse(count, words));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "spoolmq_bench: %s\n", error.what());
    return 1;
  }
}

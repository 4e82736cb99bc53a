// The kernel's ways between two processes: how long 1 KiB travels on each, and how many go through
// in a second; bare, and where a durable queue stands between the two (--spoolmq, with the
// acknowledged variant of each bridge).
//
//   ipc_bench [--runs N] [--messages N] [--way NAME]… [--spoolmq BINARY [--dir DIR]]

#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/bench_command.h"
#include "cli/bench/bench_place.h"
#include "tests/bench/bridge_measure.h"
#include "cli/bench/channel.h"
#include "cli/bench/system_channels.h"

namespace spoolmq::bench {
namespace {

constexpr std::size_t kBodyBytes = 1024;
constexpr int kWarmUp = 500;
constexpr std::chrono::microseconds kApart{10};

struct Options {
  int runs = 5;
  int messages = 20'000;
  std::vector<std::string> ways;
  std::string spoolmq;              // its path; empty: bare ways only
  std::string parent = "/var/tmp";  // on a disk
  [[nodiscard]] bool wants(std::string_view name) const {
    if (ways.empty()) return true;
    for (const std::string& one : ways) {
      if (one == name) return true;
    }
    return false;
  }
};

Options parse(Words words) {
  Options options;
  while (const auto word = words.next()) {
    if (*word == "--runs") {
      options.runs = std::stoi(words.value());
    } else if (*word == "--messages") {
      options.messages = std::stoi(words.value());
    } else if (*word == "--spoolmq") {
      options.spoolmq = words.value();
    } else if (*word == "--dir") {
      options.parent = words.value();
    } else if (*word == "--way") {
      options.ways.push_back(words.value());
    } else {
      words.refuse();
    }
  }
  if (options.runs < 1 || options.messages < 1) throw std::runtime_error("nothing to measure");
  return options;
}

void run_bare(const Options& options, const SystemChannel& way) {
  if (!options.wants(way.name)) return;
  std::vector<double> p50;
  std::vector<double> p99;
  std::vector<double> rates;
  for (int run = 0; run < options.runs; ++run) {
    const Travel one = travel(*way.make(kBodyBytes), {options.messages / 4, kWarmUp, kApart});
    p50.push_back(percentile(one.took_ns, 0.5));
    p99.push_back(percentile(one.took_ns, 0.99));
    rates.push_back(rate(*way.make(kBodyBytes), options.messages));
  }
  std::printf("%-16s %8.1f us p50 %8.1f us p99 %10.0f /s\n", std::string(way.name).c_str(),
              median(p50) / 1000, median(p99) / 1000, median(rates));
  std::fflush(stdout);
}

// `measure` is given a directory of its own.
template <typename Measure>
void run_bridge(const Options& options, std::string_view name, const char* what,
                const Measure& measure) {
  if (!options.wants(name)) return;
  std::vector<double> p50;
  std::vector<double> rates;
  for (int run = 0; run < options.runs; ++run) {
    const Place place(options.parent);
    const BridgeFigures figures = measure(place.path());
    p50.push_back(figures.p50_us);
    rates.push_back(figures.per_second);
  }
  std::printf("%-16s %8.0f us p50 %23.0f /s   (%s)\n", std::string(name).c_str(), median(p50),
              median(rates), what);
  std::fflush(stdout);
}

void run(const Options& options) {
  for (const auto* const table : {&stream_channels(), &record_channels(), &buffer_channels()}) {
    for (const SystemChannel& way : *table) run_bare(options, way);
  }
  if (options.spoolmq.empty()) return;
  for (const Way way : {Way::kIn, Way::kOut}) {
    for (const auto* const table : {&stream_bridges(), &record_bridges()}) {
      for (const BridgeKind& kind : *table) {
        run_bridge(options, kind.name,
                   way == Way::kIn ? "in: confirmed durable" : "out: durable, and at the peer",
                   [&](const std::string& directory) {
                     return measure_bridge(options.spoolmq, directory, kind, way);
                   });
      }
    }
  }
  run_bridge(
      options, "exec", "out: durable, answered by a program, acknowledged",
      [&](const std::string& directory) { return measure_program(options.spoolmq, directory); });
}

}  // namespace
}  // namespace spoolmq::bench

int main(int count, char** words) {
  return spoolmq::bench::run_benchmark("ipc_bench", [&] {
    spoolmq::bench::run(spoolmq::bench::parse(spoolmq::bench::Words(count, words)));
  });
}

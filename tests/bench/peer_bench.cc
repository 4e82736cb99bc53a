// peer_bench: how long messages travel through a queue and through what users would take instead
// (where it is installed), in turns. Bodies of 1 KiB, 2 ms apart; between two messages one append
// and fdatasync is timed, the limit.
//   peer_bench [--runs N] [--messages N] [--dir DIR] [--json]
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bench/bench_place.h"
#include "cli/bench/queue_channels.h"
#include "cli/bench/workload.h"
#include "tests/bench/bench_command.h"
#include "tests/bench/peer_channels.h"

namespace spoolmq::bench {
namespace {

struct Options {
  int runs = 3;
  int messages = kLatencyMessages;
  std::string parent = "/var/tmp";
  bool json = false;
};

Options parse(Words words) {
  Options options;
  while (const auto word = words.next()) {
    if (*word == "--runs") {
      options.runs = std::stoi(words.value());
    } else if (*word == "--messages") {
      options.messages = std::stoi(words.value());
    } else if (*word == "--dir") {
      options.parent = words.value();
    } else if (*word == "--json") {
      options.json = true;
    } else {
      words.refuse();
    }
  }
  if (options.runs < 1 || options.messages < 1) throw std::runtime_error("nothing to measure");
  return options;
}

struct Way {
  std::string_view name;
  // Everything it keeps lies below the directory. nullptr: it is not installed.
  std::unique_ptr<Channel> (*make)(const std::string& directory, std::size_t body_bytes);
};
constexpr Way kWays[] = {
    {"spoolmq", receive_channel}, {"beanstalkd", beanstalkd_channel}, {"redis", redis_channel}};

void print(const Way& way, const std::vector<Latency>& runs, bool json) {
  const auto median_of = [&](double Latency::*figure) {
    std::vector<double> values;
    for (const Latency& latency : runs) values.push_back(latency.*figure);
    return median(values);
  };
  const double p50 = median_of(&Latency::p50_us);
  const double p99 = median_of(&Latency::p99_us);
  const double send = median_of(&Latency::send_p50_us);
  const double append = median_of(&Latency::append_p50_us);
  const std::string name(way.name);
  std::printf(json ? "{\"way\":\"%s\",\"p50_us\":%.0f,\"p99_us\":%.0f,\"send_us\":%.0f,"
                     "\"limit\":%.0f,\"times\":%.2f}\n"
                   : "%-12s %6.0f us p50 %6.0f us p99   send %6.0f us   append + fdatasync %6.0f "
                     "us   %.2f x\n",
              name.c_str(), p50, p99, send, append, p50 / append);
}

void run(const Options& options) {
  std::vector<std::vector<Latency>> all(std::size(kWays));
  for (int run = 0; run < options.runs; ++run) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Place place(options.parent);
      const auto channel = kWays[i].make(place.path(), kDefaultBodyBytes);
      if (!channel) continue;
      all[i].push_back(
          measure_latency(*channel, place.path(), kDefaultBodyBytes, options.messages));
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].empty()) {
      std::fprintf(stderr, "peer_bench: %s: not installed\n", std::string(kWays[i].name).c_str());
    } else {
      print(kWays[i], all[i], options.json);
    }
  }
}

}  // namespace
}  // namespace spoolmq::bench

int main(int count, char** words) {
  return spoolmq::bench::run_benchmark("peer_bench", [&] {
    spoolmq::bench::run(spoolmq::bench::parse(spoolmq::bench::Words(count, words)));
  });
}

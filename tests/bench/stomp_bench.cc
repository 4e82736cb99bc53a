// stomp_bench: STOMP servers side by side, by the same client, in turns. Messages of 1 KiB; every
// SEND and every ACK asks for a receipt, and counts once that is there. After the runs each server
// does a little of each once more under strace: "sync" is the share of receipts before which it had
// synced something. stomp_bench.sh starts the servers.
//
//   stomp_bench --server NAME=PORT,PROCESS[,HEADER:VALUE]… … [--runs N] [--seconds S]
//               [--waiting N] [--only LOAD]… [--dir DIR] [--json] [--no-syncs]

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/bench/bench_place.h"
#include "cli/bench/machine_limits.h"
#include "tests/bench/bench_command.h"
#include "tests/bench/stomp_load.h"
#include "tests/bench/stomp_syncs.h"

namespace spoolmq::bench {
namespace {

constexpr Extent kTraced{5, 200};
constexpr std::size_t kBodyBytes = 1024;

struct Load {
  std::string_view name;
  std::string_view what;
  std::variant<SendLoad, ReceiveLoad> load;
};
const Load kLoads[] = {
    {"send1", "one connection, one message at a time", SendLoad{1, 1}},
    {"send256", "one connection, 256 on their way", SendLoad{1, 256}},
    {"send16x1", "16 connections, one at a time each", SendLoad{16, 1}},
    {"send64x1", "64 connections, one at a time each", SendLoad{64, 1}},
    {"recv1", "prefetch 1, one ACK at a time", ReceiveLoad{1, 1}},
    {"recv-ahead", "prefetch 256, one ACK at a time", ReceiveLoad{256, 1}},
    {"recv256", "prefetch 256, 256 ACKs on their way", ReceiveLoad{256, 256}},
};

struct Options {
  std::vector<StompServerPlace> servers;
  std::vector<std::string> only;
  int runs = 5;
  double seconds = 1;
  std::size_t waiting = 8000;  // that a receiver finds
  std::string directory = "/var/tmp";
  bool json = false;
  bool counts_syncs = true;
  [[nodiscard]] bool wants(std::string_view name) const {
    return only.empty() || std::ranges::find(only, name) != only.end();
  }
};

// "rabbitmq=1234,99,durable:true"
StompServerPlace parse_server(const std::string& text) {
  StompServerPlace server;
  const std::size_t equals = text.find('=');
  std::vector<std::string> parts(1);
  for (const char c : equals == std::string::npos ? std::string() : text.substr(equals + 1)) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (parts.size() < 2) throw std::runtime_error("--server NAME=PORT,PROCESS: " + text);
  server.name = text.substr(0, equals);
  server.port = std::stoi(parts[0]);
  server.process = std::stoi(parts[1]);
  for (std::size_t i = 2; i < parts.size(); ++i) {
    const std::size_t colon = parts[i].find(':');
    if (colon == std::string::npos) throw std::runtime_error("no HEADER:VALUE: " + parts[i]);
    server.headers.push_back({parts[i].substr(0, colon), parts[i].substr(colon + 1)});
  }
  return server;
}

Options parse(Words words) {
  Options options;
  while (const auto word = words.next()) {
    if (*word == "--server") {
      options.servers.push_back(parse_server(words.value()));
    } else if (*word == "--runs") {
      options.runs = std::stoi(words.value());
    } else if (*word == "--seconds") {
      options.seconds = std::stod(words.value());
    } else if (*word == "--waiting") {
      options.waiting = std::stoul(words.value());
    } else if (*word == "--only") {
      options.only.push_back(words.value());
    } else if (*word == "--dir") {
      options.directory = words.value();
    } else if (*word == "--json") {
      options.json = true;
    } else if (*word == "--no-syncs") {
      options.counts_syncs = false;
    } else {
      words.refuse();
    }
  }
  if (options.servers.empty() || options.runs < 1) throw std::runtime_error("nothing to measure");
  return options;
}

// Queues of their own, so that nothing is there of before.
class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {}

  Answers run(const StompServerPlace& server, const Load& load, Extent extent) {
    const std::string queue = prepared(server, load, extent);
    return measure(server, load, queue, extent);
  }
  double synced(const StompServerPlace& server, const Load& load) {
    const Place place(options_.directory);
    const std::string queue = prepared(server, load, kTraced);
    SyncTrace trace(server.process, place.path());
    const Answers answers = measure(server, load, queue, kTraced);
    return share_synced(answers, trace.finish());
  }

 private:
  std::string prepared(const StompServerPlace& server, const Load& load, const Extent& extent) {
    const std::string queue = std::string(load.name) + "-" + std::to_string(++queues_);
    if (std::holds_alternative<ReceiveLoad>(load.load)) {
      static_cast<void>(send_for(server, queue, {1, 256}, {600, extent.messages}));
    }
    return queue;
  }
  static Answers measure(const StompServerPlace& server, const Load& load, const std::string& queue,
                         const Extent& extent) {
    try {
      if (const SendLoad* const send = std::get_if<SendLoad>(&load.load)) {
        Answers answers = send_for(server, queue, *send, extent);
        const std::size_t warm = static_cast<std::size_t>(send->connections) * kWarmUpMessages;
        drain(server, queue, answers.frames.size() + warm);
        return answers;
      }
      return receive_for(server, queue, std::get<ReceiveLoad>(load.load), extent);
    } catch (const std::exception& error) {
      throw std::runtime_error(server.name + ", " + std::string(load.name) + ": " + error.what());
    }
  }

  const Options& options_;
  int queues_ = 0;
};

struct Row {
  const Load* load;
  std::vector<std::vector<double>> per_second;  // by server
  std::vector<std::vector<double>> p50_us;
  std::vector<std::optional<double>> synced;
};

void print_json(const Options& options, const Row& row) {
  for (std::size_t i = 0; i < options.servers.size(); ++i) {
    std::printf(
        "{\"load\":\"%s\",\"server\":\"%s\",\"per_second\":%.0f,\"p50_us\":%.0f,\"synced\":",
        std::string(row.load->name).c_str(), options.servers[i].name.c_str(),
        median(row.per_second[i]), median(row.p50_us[i]));
    std::printf(row.synced[i] ? "%.2f}\n" : "null}\n", row.synced[i].value_or(0));
  }
}

void print(const Options& options, const Row& row) {
  std::printf("%-11s", std::string(row.load->name).c_str());
  for (std::size_t i = 0; i < options.servers.size(); ++i) {
    const std::string synced =
        row.synced[i] ? std::to_string(std::lround(*row.synced[i] * 100)) + " %" : "?";
    std::printf(" %7.0f /s %6.0f us %5s", median(row.per_second[i]), median(row.p50_us[i]),
                synced.c_str());
  }
  std::printf("   %s\n", std::string(row.load->what).c_str());
  std::fflush(stdout);
}

void print_head(const Options& options) {
  std::printf("%-11s", "");
  for (const StompServerPlace& server : options.servers) {
    std::printf(" %10s %9s %5s", server.name.c_str(), "p50", "sync");
  }
  std::printf("\n");
}

Row measured(const Options& options, Bench& bench, const Load& load, AppendLimit& limit) {
  Row row{&load, {}, {}, {}};
  row.per_second.resize(options.servers.size());
  row.p50_us.resize(options.servers.size());
  const bool receives = std::holds_alternative<ReceiveLoad>(load.load);
  const Extent extent{options.seconds, receives ? options.waiting : Extent().messages};
  for (int run = 0; run < options.runs; ++run) {
    for (std::size_t i = 0; i < options.servers.size(); ++i) {
      for (int n = 0; n < 50; ++n) limit.append();
      const Answers answers = bench.run(options.servers[i], load, extent);
      row.per_second[i].push_back(answers.per_second());
      row.p50_us[i].push_back(answers.p50_us());
    }
  }
  const bool traces = options.counts_syncs && SyncTrace::is_possible();
  for (const StompServerPlace& server : options.servers) {
    row.synced.push_back(traces ? std::optional(bench.synced(server, load)) : std::nullopt);
  }
  return row;
}

void run(const Options& options) {
  const Place place(options.directory);
  Bench bench(options);
  AppendLimit limit(place.path(), kBodyBytes);
  if (!options.json) print_head(options);
  for (const Load& load : kLoads) {
    if (!options.wants(load.name)) continue;
    const Row row = measured(options, bench, load, limit);
    options.json ? print_json(options, row) : print(options, row);
  }
  const double append = 1e6 / median(limit.took_us());
  std::printf(options.json ? "{\"load\":\"append\",\"server\":\"disk\",\"per_second\":%.0f}\n"
                           : "%.0f /s: 1 KiB appended and synced, one at a time\n",
              append);
}

}  // namespace
}  // namespace spoolmq::bench

int main(int count, char** words) {
  return spoolmq::bench::run_benchmark("stomp_bench", [&] {
    spoolmq::bench::run(spoolmq::bench::parse(spoolmq::bench::Words(count, words)));
  });
}

#include "tests/bench/scale_operations.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "spoolmq/queue.h"
#include "cli/bench/bench_place.h"

namespace spoolmq::bench {
namespace {

constexpr int kRepetitions = 25;
constexpr std::size_t kPageRows = 10;

double counter(const char* file, const std::string& name) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + ":")) return std::stod(line.substr(name.size() + 1));
  }
  throw std::runtime_error(std::string(file) + " has no " + name);
}

struct Counters {
  double read_bytes = counter("/proc/self/io", "rchar");
  double read_calls = counter("/proc/self/io", "syscr");
  double written_bytes = counter("/proc/self/io", "wchar");
  double write_calls = counter("/proc/self/io", "syscw");
};

struct Series {
  std::vector<double> read_bytes, read_calls, written_bytes, write_calls, microseconds;
};

// What reading the counters costs is in both queues' numbers.
void count(Series& series, const std::function<void()>& act) {
  const Counters before;
  const double began = now_seconds();
  act();
  series.microseconds.push_back((now_seconds() - began) * 1e6);
  const Counters after;
  series.read_bytes.push_back(after.read_bytes - before.read_bytes);
  series.read_calls.push_back(after.read_calls - before.read_calls);
  series.written_bytes.push_back(after.written_bytes - before.written_bytes);
  series.write_calls.push_back(after.write_calls - before.write_calls);
}

void print(const char* operation, const Series& series) {
  std::printf("%s %.0f %.0f %.0f %.0f %.1f\n", operation, median(series.read_bytes),
              median(series.read_calls), median(series.written_bytes), median(series.write_calls),
              median(series.microseconds));
}

}  // namespace

void operate(const std::string& root_path) {
  Root root = Root::open(root_path);
  OpenOptions options;
  options.background = false;  // nothing happens but what is counted
  options.one_shot = true;
  std::optional<Queue> queue;
  Series open, send, claim, ack, stats, scan;
  for (int i = 0; i < kRepetitions; ++i) {
    queue.reset();
    count(open, [&] { queue.emplace(root.open_queue(kQueueName, options)); });
  }
  Message message;
  message.body.assign(16, 'x');
  for (int i = 0; i < kRepetitions; ++i) {
    count(send, [&] { queue->send(message); });
  }
  for (int i = 0; i < kRepetitions; ++i) {
    std::optional<Delivery> delivery;
    count(claim, [&] { delivery = queue->receive(); });
    if (!delivery) throw std::runtime_error("nothing to receive");
    count(ack, [&] { delivery->ack(); });
  }
  for (int i = 0; i < kRepetitions; ++i) {
    count(stats, [&] { static_cast<void>(queue->stats()); });
    count(scan, [&] {
      ScanOptions page;
      page.limit = kPageRows;
      static_cast<void>(queue->scan(page));
    });
  }
  print("open", open);
  print("send", send);
  print("claim", claim);
  print("ack", ack);
  print("stats", stats);
  print("scan10", scan);
  std::printf("memory %.0f\n", counter("/proc/self/status", "VmHWM"));
}

Costs costs_in_fresh_process(const std::string& root) {
  char self[4096] = {};
  if (::readlink("/proc/self/exe", self, sizeof self - 1) <= 0) {
    throw std::runtime_error("no name of this program");
  }
  const std::string command = "'" + std::string(self) + "' " + kOperateOption + " '" + root + "'";
  FILE* const child = ::popen(command.c_str(), "re");
  if (child == nullptr) throw std::runtime_error("no process");
  std::string text;
  for (int c = std::fgetc(child); c != EOF; c = std::fgetc(child)) text += static_cast<char>(c);
  if (::pclose(child) != 0) throw std::runtime_error("the measured process failed");
  Costs costs;
  std::istringstream lines(text);
  for (std::string name; lines >> name;) {
    if (name == "memory") {
      lines >> costs.peak_memory_kib;
      continue;
    }
    Cost& cost = costs.of[name];
    lines >> cost.read_bytes >> cost.read_calls >> cost.written_bytes >> cost.write_calls >>
        cost.microseconds;
  }
  return costs;
}

}  // namespace spoolmq::bench

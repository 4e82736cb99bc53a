// growth_bench: what a message costs while something else grows: the messages that wait, its body,
// the queues under the root, the consumers that wait. Prints a table of each, and writes plots.
//   growth_bench [--largest N] [--runs N] [--dir DIR] [--svg FILE] [--only TITLE [--size N]]
// --largest: of messages that wait (default 1000000). --only: one table, or one row of it. A row is
// the median of the runs.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "cli/bench/bench_place.h"
#include "cli/bench/machine_limits.h"
#include "cli/bench/workload.h"
#include "core/id_source.h"
#include "spoolmq/queue.h"
#include "tests/bench/bench_command.h"
#include "tests/bench/svg_plot.h"

namespace spoolmq::bench {
namespace {

constexpr double kSeconds = 0.5;
constexpr double kUsPerSecond = 1e6;
constexpr std::size_t kSmallBody = 64;
constexpr int kQueuesOpened = 32;

struct Options {
  std::size_t largest = 1'000'000;
  int runs = 3;
  std::string parent = "/var/tmp";
  std::string svg;
  std::string only;      // a panel's title
  std::size_t size = 0;  // 0: all of them
};

Options parse(Words words) {
  Options options;
  while (const auto word = words.next()) {
    if (*word == "--largest") {
      options.largest = std::stoul(words.value());
    } else if (*word == "--runs") {
      options.runs = std::stoi(words.value());
    } else if (*word == "--dir") {
      options.parent = words.value();
    } else if (*word == "--only") {
      options.only = words.value();
    } else if (*word == "--size") {
      options.size = std::stoul(words.value());
    } else if (*word == "--svg") {
      options.svg = words.value();
    } else {
      words.refuse();
    }
  }
  if (options.size > 0 && options.only.empty()) throw std::runtime_error("--size: of which table?");
  if (options.runs < 1 || options.largest < 1000) throw std::runtime_error("nothing to measure");
  return options;
}

Message message_of(std::size_t body_bytes) {
  Message message;
  message.body.assign(body_bytes, 'x');
  return message;
}

Queue make_queue(Root& root, const std::string& name) {
  root.create_queue(name);
  return root.open_queue(name);
}

// Microseconds that each call took, over half a second.
double us_per(const std::function<void()>& call) {
  std::size_t calls = 0;
  const double began = now_seconds();
  while (now_seconds() - began < kSeconds) {
    call();
    ++calls;
  }
  return (now_seconds() - began) / static_cast<double>(calls) * kUsPerSecond;
}

void send_and_take(Queue& queue, std::size_t together, std::size_t body_bytes) {
  queue.send_batch(std::vector<Message>(together, message_of(body_bytes)));
  ReceiveOptions options;
  options.max = together;
  std::vector<Delivery> taken = queue.receive_batch(options);
  queue.ack_batch(taken);
}

// A line of the panel is one figure of each of these.
using Figures = std::vector<double>;

// ---- Messages that wait

Figures beside_waiting(const std::string& directory, std::size_t waiting) {
  Root root = Root::open(directory);
  Queue queue = make_queue(root, kQueueName);
  for (std::size_t sent = 0; sent < waiting; sent += kBatch) {
    queue.send_batch(std::vector<Message>(kBatch, message_of(kSmallBody)));
  }
  const double many = us_per([&] { send_and_take(queue, kBatch, kSmallBody); }) / kBatch;
  const double one = us_per([&] { send_and_take(queue, 1, kSmallBody); });
  return {one, many};
}

// ---- Body

Figures with_body(const std::string& directory, std::size_t bytes) {
  Root root = Root::open(directory);
  Queue queue = make_queue(root, kQueueName);
  const double send = us_per([&] { queue.send(message_of(bytes)); });
  return {send, kUsPerSecond / appends_per_second(directory, bytes, 1, kSeconds)};
}

// ---- Queues

Figures among_queues(const std::string& directory, std::size_t queues) {
  Root root = Root::open(directory);
  for (std::size_t i = 0; i < queues; ++i) root.create_queue("q" + std::to_string(i));
  std::vector<std::string> some;
  for (int i = 0; i < kQueuesOpened; ++i) {
    some.push_back("q" + std::to_string(random_bits() % queues));
  }
  const auto any = [&]() -> const std::string& { return some[random_bits() % some.size()]; };
  Queue queue = root.open_queue(any());
  const double one = us_per([&] { send_and_take(queue, 1, kSmallBody); });
  OpenOptions once;
  once.one_shot = true;
  once.background = false;
  const auto open_and_send = [&](const std::string& name) {
    Queue another = root.open_queue(name, once);
    another.send(message_of(kSmallBody));
  };
  // Whoever opens a queue first after a boot makes it ready, with eight syncs.
  for (const std::string& name : some) open_and_send(name);
  const double opened = us_per([&] { open_and_send(any()); });
  return {one, opened};
}

// ---- Consumers

double cpu_seconds() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / kUsPerSecond;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// All of them wait for the next message of one queue, each with a handle of its own.
class IdleConsumers {
 public:
  IdleConsumers(const std::string& directory, std::size_t number) {
    for (std::size_t i = 0; i < number; ++i) {
      OpenOptions options;
      options.background = false;
      queues_.push_back(
          std::make_unique<Queue>(Root::open(directory).open_queue(kQueueName, options)));
    }
    for (const auto& one : queues_) {
      threads_.emplace_back([this, &queue = *one] { consume(queue); });
    }
  }
  ~IdleConsumers() {
    stop_ = true;
    for (std::thread& one : threads_) one.join();
  }
  [[nodiscard]] int taken() const { return taken_; }

 private:
  void consume(Queue& queue) {
    ReceiveOptions options;
    options.wait = std::nullopt;
    options.cancelled = [this] { return stop_.load(); };
    while (!stop_) {
      std::vector<Delivery> got = queue.receive_batch(options);
      if (got.empty()) continue;
      queue.ack_batch(got);
      ++taken_;
    }
  }
  std::vector<std::unique_ptr<Queue>> queues_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> taken_ = 0;
};

// Time until it is acknowledged, and CPU of sender and consumers.
Figures beside_consumers(const std::string& directory, std::size_t consumers) {
  constexpr int kMessages = 100;
  constexpr std::chrono::seconds kUntilAsleep{1};
  Root root = Root::open(directory);
  Queue queue = make_queue(root, kQueueName);
  const IdleConsumers idle(directory, consumers);
  std::this_thread::sleep_for(kUntilAsleep);
  const double cpu = cpu_seconds();
  double took = 0;
  for (int i = 1; i <= kMessages; ++i) {
    const double began = now_seconds();
    queue.send(message_of(kSmallBody));
    while (idle.taken() < i) std::this_thread::sleep_for(std::chrono::microseconds(20));
    took += now_seconds() - began;
  }
  return {took / kMessages * kUsPerSecond, (cpu_seconds() - cpu) / kMessages * kUsPerSecond};
}

// ---- All of them

struct Growth {
  std::string title;
  std::string grows;
  std::vector<std::string> figures;
  std::vector<std::size_t> sizes;
  std::function<Figures(const std::string& directory, std::size_t size)> measure;
};

Panel measure(const Growth& growth, const Options& options) {
  Panel panel{growth.title, growth.grows, "us", {}};
  std::printf("\n| %s |", growth.grows.c_str());
  for (const std::string& name : growth.figures) {
    std::printf(" %s, us |", name.c_str());
    panel.lines.push_back({name, {}});
  }
  std::printf("\n|---|");
  for (std::size_t i = 0; i < growth.figures.size(); ++i) std::printf("---|");
  std::printf("\n");
  const std::vector<std::size_t> one_size(options.size > 0 ? 1 : 0, options.size);
  for (const std::size_t size : one_size.empty() ? growth.sizes : one_size) {
    std::vector<std::vector<double>> runs(growth.figures.size());
    for (int run = 0; run < options.runs; ++run) {
      const Place place(options.parent);
      const Figures figures = growth.measure(place.path(), size);
      for (std::size_t i = 0; i < runs.size(); ++i) runs[i].push_back(figures[i]);
    }
    std::printf("| %zu |", size);
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const double value = median(runs[i]);
      panel.lines[i].points.emplace_back(static_cast<double>(size), value);
      std::printf(value < 10 ? " %.1f |" : " %.0f |", value);
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  return panel;
}

void run(const Options& options) {
  struct rlimit descriptors {};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);

  std::vector<std::size_t> waiting;
  for (std::size_t size = 1000; size <= options.largest; size *= 10) waiting.push_back(size);
  const std::vector<Growth> all = {
      {"Messages that wait",
       "messages waiting",
       {"sent, received, acknowledged: one", "of 256 together, each"},
       waiting,
       beside_waiting},
      {"Body",
       "bytes of body",
       {"sent", "append + fdatasync"},
       {64, 1024, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 8 << 20},
       with_body},
      {"Queues",
       "queues under the root",
       {"sent, received, acknowledged", "opened, sent, closed: any queue"},
       {1, 10, 100, 1000, 10'000},
       among_queues},
      {"Consumers",
       "consumers waiting",
       {"until it is acknowledged", "CPU of all"},
       {1, 10, 100, 1000},
       beside_consumers},
  };
  std::vector<Panel> panels;
  for (const Growth& one : all) {
    if (options.only.empty() || options.only == one.title) panels.push_back(measure(one, options));
  }
  if (panels.empty()) throw std::runtime_error(options.only + ": nothing of that name grows");
  if (options.svg.empty()) return;
  std::ofstream file(options.svg);
  file << svg_of(panels);
  if (!file.flush()) throw std::runtime_error(options.svg + ": not written");
}

}  // namespace
}  // namespace spoolmq::bench

int main(int count, char** words) {
  return spoolmq::bench::run_benchmark("growth_bench", [&] {
    spoolmq::bench::run(spoolmq::bench::parse(spoolmq::bench::Words(count, words)));
  });
}

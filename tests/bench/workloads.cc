#include "tests/bench/workloads.h"

#include <atomic>
#include <thread>

#include "spoolmq/queue.h"
#include "tests/bench/bench_place.h"
#include "tests/bench/import_workload.h"
#include "tests/bench/machine_limits.h"
#include "tests/bench/side_by_side.h"

namespace spoolmq::bench {
namespace {

constexpr std::size_t kBatch = 256;
constexpr int kSenders = 16;
constexpr int kWarmUpSends = 3;
constexpr double kMostReceivedPerSecond = 200'000;
constexpr double kMostReceivedOneByOnePerSecond = 20'000;
constexpr char kName[] = "bench";

Queue fresh_queue(const Conditions& conditions, Format format = Format::kBinary) {
  Root root = Root::open(conditions.directory);
  Settings settings;
  settings.format = format;
  root.create_queue(kName, settings);
  return root.open_queue(kName);
}

Message message() {
  Message made;
  made.body.assign(kBodyBytes, 'x');
  return made;
}

void warm_up(Queue& queue) {
  for (int i = 0; i < kWarmUpSends; ++i) queue.send(message());
}

double send_batches(const Conditions& conditions, Format format, std::size_t batch) {
  Queue queue = fresh_queue(conditions, format);
  warm_up(queue);
  double done = 0;
  const double began = now_seconds();
  while (now_seconds() - began < conditions.seconds) {
    if (batch == 1) {
      queue.send(message());
    } else {
      queue.send_batch(std::vector<Message>(batch, message()));
    }
    done += static_cast<double>(batch);
  }
  return done / (now_seconds() - began);
}

double send_by_threads(const Conditions& conditions) {
  Queue queue = fresh_queue(conditions);
  warm_up(queue);
  std::atomic<long> done{0};
  const double began = now_seconds();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kSenders; ++i) {
      threads.emplace_back([&] {
        for (; now_seconds() - began < conditions.seconds; ++done) queue.send(message());
      });
    }
  }
  return static_cast<double>(done) / (now_seconds() - began);
}

double send_by_processes(const Conditions& conditions) {
  static_cast<void>(fresh_queue(conditions));
  return per_second_of(kSenders, conditions.seconds, [&](int, const Stretch& stretch) {
    Queue queue = Root::open(conditions.directory).open_queue(kName);
    warm_up(queue);
    stretch.start();
    double done = 0;
    for (; !stretch.over(); ++done) queue.send(message());
    return done;
  });
}

double receive_and_ack(const Conditions& conditions, std::size_t batch, double most_per_second) {
  Queue queue = fresh_queue(conditions);
  const double wanted = most_per_second * conditions.seconds;
  for (double sent = 0; sent < wanted; sent += 1024) {
    queue.send_batch(std::vector<Message>(1024, message()));
  }
  static_cast<void>(queue.stats());  // every message has its row
  ReceiveOptions options;
  options.max = batch;
  double done = 0;
  const double began = now_seconds();
  while (now_seconds() - began < conditions.seconds) {
    std::vector<Delivery> deliveries = queue.receive_batch(options);
    if (deliveries.empty()) break;
    queue.ack_batch(deliveries);
    done += static_cast<double>(deliveries.size());
  }
  return done / (now_seconds() - began);
}

double times(double value, double factor) { return value * factor; }

double append_limit(const Conditions& c, int processes) {
  return appends_per_second(c.directory, kBodyBytes, processes, c.seconds);
}

}  // namespace

const std::vector<Workload>& workloads() {
  using C = Conditions;
  static const std::vector<Workload> all = {
      {"send1", "append 1 KiB + fdatasync",
       [](const C& c) { return send_batches(c, Format::kBinary, 1); },
       [](const C& c) { return append_limit(c, 1); }},
      {"send-batch256", "append 256 KiB + fdatasync, x256",
       [](const C& c) { return send_batches(c, Format::kBinary, kBatch); },
       [](const C& c) {
         return times(appends_per_second(c.directory, kBatch * kBodyBytes, 1, c.seconds), kBatch);
       }},
      {"send16-threads", "append 1 KiB + fdatasync, 16 processes", send_by_threads,
       [](const C& c) { return append_limit(c, kSenders); }},
      {"send16-processes", "append 1 KiB + fdatasync, 16 processes", send_by_processes,
       [](const C& c) { return append_limit(c, kSenders); }},
      {"recv-ack1", "SQLite FULL commit of 1 row",
       [](const C& c) { return receive_and_ack(c, 1, kMostReceivedOneByOnePerSecond); },
       [](const C& c) { return commits_per_second(c.directory, 1, c.seconds); }},
      {"recv-ack-batch256", "SQLite FULL commit of 256 rows, x256",
       [](const C& c) { return receive_and_ack(c, kBatch, kMostReceivedPerSecond); },
       [](const C& c) {
         return times(commits_per_second(c.directory, kBatch, c.seconds), kBatch);
       }},
      {"xml-send1", "new synced file + directory sync",
       [](const C& c) { return send_batches(c, Format::kXml, 1); },
       [](const C& c) { return new_files_per_second(c.directory, 1, c.seconds); }},
      {"xml-send-batch256", "256 new synced files + directory sync",
       [](const C& c) { return send_batches(c, Format::kXml, kBatch); },
       [](const C& c) { return new_files_per_second(c.directory, kBatch, c.seconds); }},
      {"import", "256 files read, appended, unlinked, 2 syncs",
       [](const C& c) { return imports_per_second(c.directory); },
       [](const C& c) { return import_floor_per_second(c.directory); }},
  };
  return all;
}

}  // namespace spoolmq::bench

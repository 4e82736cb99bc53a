#include <atomic>
#include <thread>

#include "cli/bench/machine_limits.h"
#include "cli/bench/side_by_side.h"
#include "cli/bench/workload.h"

namespace spoolmq::bench {
namespace {

constexpr int kWarmUpSends = 3;
constexpr std::size_t kFillBatch = 1024;

Sample send_batches(const Conditions& conditions, Format format, std::size_t batch) {
  Queue queue = fresh_queue(conditions, format);
  warm_up(queue, conditions);
  Budget budget(conditions);
  for (; budget.is_left(); budget.spend(batch)) {
    if (batch == 1) {
      queue.send(body_of(conditions));
    } else {
      queue.send_batch(std::vector<Message>(batch, body_of(conditions)));
    }
  }
  return {budget.per_second(), 0, {}};
}

Sample send_by_threads(const Conditions& conditions, Format format) {
  Queue queue = fresh_queue(conditions, format);
  warm_up(queue, conditions);
  std::atomic<long> done{0};
  const double began = now_seconds();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kMany; ++i) {
      threads.emplace_back([&] {
        for (; now_seconds() - began < conditions.seconds; ++done) queue.send(body_of(conditions));
      });
    }
  }
  return {static_cast<double>(done) / (now_seconds() - began), 0, {}};
}

Sample send_by_processes(const Conditions& conditions) {
  static_cast<void>(fresh_queue(conditions));
  return {per_second_of(kMany, conditions.seconds,
                        [&](int, const Stretch& stretch) {
                          Queue queue = Root::open(conditions.directory).open_queue(kQueueName);
                          warm_up(queue, conditions);
                          stretch.start();
                          double done = 0;
                          for (; !stretch.over(); ++done) queue.send(body_of(conditions));
                          return done;
                        }),
          0,
          {}};
}

double append_limit(const Conditions& c, int processes) {
  return appends_per_second(c.directory, c.body_bytes, processes, c.seconds);
}

}  // namespace

Queue fresh_queue(const Conditions& conditions, Format format) {
  Root root = Root::open(conditions.directory);
  Settings settings;
  settings.format = format;
  root.create_queue(kQueueName, settings);
  return root.open_queue(kQueueName);
}

Message body_of(const Conditions& conditions) {
  Message made;
  made.body.assign(conditions.body_bytes, 'x');
  return made;
}

void warm_up(Queue& queue, const Conditions& conditions) {
  for (int i = 0; i < kWarmUpSends; ++i) queue.send(body_of(conditions));
}

void fill(Queue& queue, std::size_t messages, const Conditions& conditions) {
  for (std::size_t left = messages; left > 0;) {
    const std::size_t now = std::min(left, kFillBatch);
    queue.send_batch(std::vector<Message>(now, body_of(conditions)));
    left -= now;
  }
  static_cast<void>(queue.stats());
}

std::span<const Workload> send_workloads() {
  using C = Conditions;
  static const std::vector<Workload> all = {
      {"send1", "one sender, which waits for each confirmation", Unit::kPerSecond,
       "append + fdatasync", [](const C& c) { return send_batches(c, Format::kBinary, 1); },
       [](const C& c) { return append_limit(c, 1); }},
      {"send-batch256", "one sender, 256 messages per call", Unit::kPerSecond,
       "append of 256 together + fdatasync",
       [](const C& c) { return send_batches(c, Format::kBinary, kBatch); },
       [](const C& c) {
         return static_cast<double>(kBatch) *
                appends_per_second(c.directory, kBatch * c.body_bytes, 1, c.seconds);
       }},
      {"send16", "16 threads of one process, each waiting for its confirmation", Unit::kPerSecond,
       "append + fdatasync by 16 processes",
       [](const C& c) { return send_by_threads(c, Format::kBinary); },
       [](const C& c) { return append_limit(c, kMany); }},
      {"send16-processes", "16 processes, each waiting for its confirmation", Unit::kPerSecond,
       "append + fdatasync by 16 processes", send_by_processes,
       [](const C& c) { return append_limit(c, kMany); }},
      {"xml-send1", "send1 into a queue of XML files", Unit::kPerSecond,
       "new file, synced, and its directory",
       [](const C& c) { return send_batches(c, Format::kXml, 1); },
       [](const C& c) { return new_files_per_second(c.directory, c.body_bytes, 1, c.seconds); }},
      {"xml-send16", "send16 into a queue of XML files", Unit::kPerSecond,
       "new file, synced, and its directory, by 16 threads",
       [](const C& c) { return send_by_threads(c, Format::kXml); },
       [](const C& c) {
         return new_files_by_threads_per_second(c.directory, c.body_bytes, kMany, c.seconds);
       }},
      {"xml-send-batch256", "send-batch256 into a queue of XML files", Unit::kPerSecond,
       "256 new files, synced, and their directory once",
       [](const C& c) { return send_batches(c, Format::kXml, kBatch); },
       [](const C& c) {
         return new_files_per_second(c.directory, c.body_bytes, kBatch, c.seconds);
       }},
  };
  return all;
}

}  // namespace spoolmq::bench

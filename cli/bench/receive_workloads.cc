#include <algorithm>
#include <chrono>
#include <thread>

#include "cli/bench/machine_limits.h"
#include "cli/bench/side_by_side.h"
#include "cli/bench/workload.h"

namespace spoolmq::bench {
namespace {

// More than any of these takes in a second.
constexpr double kMostPerSecond = 200'000;
constexpr double kMostOneByOnePerSecond = 20'000;
constexpr double kMostByManyPerSecond = 40'000;
constexpr Milliseconds kPatience{100};
constexpr double kMostAhead = 64 * static_cast<double>(kBatch);
constexpr std::chrono::microseconds kNap{100};

std::size_t wanted(const Conditions& conditions, double most_per_second) {
  if (conditions.count) return static_cast<std::size_t>(*conditions.count);
  return static_cast<std::size_t>(most_per_second * conditions.seconds);
}

// Takes them in turns, each acknowledged with the receipt of the next, as who works on one after
// the other does.
class Taker {
 public:
  Taker(Queue& queue, ReceiveOptions options) : queue_(queue), options_(std::move(options)) {}
  std::size_t take() {
    taken_ = queue_.ack_and_receive(taken_, options_);
    return taken_.size();
  }
  void finish() { queue_.ack_batch(taken_); }

 private:
  Queue& queue_;
  const ReceiveOptions options_;
  std::vector<Delivery> taken_;
};

ReceiveOptions together(std::size_t messages) {
  ReceiveOptions options;
  options.max = messages;
  return options;
}

ReceiveOptions ahead(std::size_t messages) {
  ReceiveOptions options;
  options.prefetch = messages;
  return options;
}

Sample receive_and_ack(const Conditions& conditions, const ReceiveOptions& options,
                       double most_per_second) {
  Queue queue = fresh_queue(conditions);
  fill(queue, wanted(conditions, most_per_second), conditions);
  Taker taker(queue, options);
  Budget budget(conditions);
  while (budget.is_left()) {
    const std::size_t taken = taker.take();
    if (taken == 0) break;
    budget.spend(taken);
  }
  taker.finish();
  return {budget.per_second(), 0, {}};
}

Sample receive_by_processes(const Conditions& conditions, const ReceiveOptions& options) {
  {
    Queue queue = fresh_queue(conditions);
    fill(queue, wanted(conditions, kMostByManyPerSecond), conditions);
  }
  return {per_second_of(kMany, conditions.seconds,
                        [&](int, const Stretch& stretch) {
                          Queue queue = Root::open(conditions.directory).open_queue(kQueueName);
                          Taker taker(queue, options);
                          stretch.start();
                          std::size_t done = 0;
                          while (!stretch.over()) done += taker.take();
                          taker.finish();
                          return static_cast<double>(done);
                        }),
          0,
          {}};
}

// What gets through: a sender that goes ahead without end would measure how a backlog grows.
Sample pipeline(const Conditions& conditions) {
  static_cast<void>(fresh_queue(conditions));
  const auto work = [&](int number, const Stretch& stretch) {
    Queue queue = Root::open(conditions.directory).open_queue(kQueueName);
    ReceiveOptions options = together(kBatch);
    options.wait = kPatience;
    Taker taker(queue, options);
    stretch.start();
    std::size_t done = 0;
    for (; !stretch.over(); stretch.tell(static_cast<double>(done))) {
      if (number == 1) {
        done += taker.take();
      } else if (static_cast<double>(done) - stretch.told_by(1) < kMostAhead) {
        queue.send_batch(std::vector<Message>(kBatch, body_of(conditions)));
        done += kBatch;
      } else {
        std::this_thread::sleep_for(kNap);
      }
    }
    if (number == 0) return 0.0;
    taker.finish();
    return static_cast<double>(done);
  };
  return {per_second_of(2, conditions.seconds, work), 0, {}};
}

}  // namespace

std::span<const Workload> receive_workloads() {
  using C = Conditions;
  static const std::vector<Workload> all = {
      {"recv-ack1", "one receiver, one message at a time, each acknowledged as the next is taken",
       Unit::kPerSecond, "SQLite FULL commit of one row",
       [](const C& c) { return receive_and_ack(c, together(1), kMostOneByOnePerSecond); },
       [](const C& c) { return commits_per_second(c.directory, 1, c.seconds); }},
      {"recv-ack1-prefetch64", "the same, 64 messages leased ahead", Unit::kPerSecond,
       "SQLite FULL commit of one row",
       [](const C& c) { return receive_and_ack(c, ahead(kPrefetched), kMostOneByOnePerSecond); },
       [](const C& c) { return commits_per_second(c.directory, 1, c.seconds); }},
      {"recv-ack-batch256", "one receiver, 256 messages per call", Unit::kPerSecond,
       "SQLite FULL commit of 256 rows",
       [](const C& c) { return receive_and_ack(c, together(kBatch), kMostPerSecond); },
       [](const C& c) {
         return static_cast<double>(kBatch) *
                commits_per_second(c.directory, static_cast<int>(kBatch), c.seconds);
       }},
      {"recv-ack16-processes", "16 processes, one message at a time", Unit::kPerSecond,
       "append + fdatasync by 16 processes",
       [](const C& c) { return receive_by_processes(c, together(1)); },
       [](const C& c) { return appends_per_second(c.directory, c.body_bytes, kMany, c.seconds); }},
      {"recv-ack16-prefetch64", "16 processes, one message at a time, 64 leased ahead by each",
       Unit::kPerSecond, "append + fdatasync by 16 processes",
       [](const C& c) { return receive_by_processes(c, ahead(kPrefetched)); },
       [](const C& c) { return appends_per_second(c.directory, c.body_bytes, kMany, c.seconds); }},
      {"pipeline",
       "what gets from a sender to a receiver, 256 messages per call, at most 16384 on their way",
       Unit::kPerSecond, "append of 256 together + fdatasync", pipeline,
       [](const C& c) {
         return static_cast<double>(kBatch) *
                appends_per_second(c.directory, kBatch * c.body_bytes, 1, c.seconds);
       }},
  };
  return all;
}

}  // namespace spoolmq::bench

// What many waiting messages cost: in speed, when a queue is opened, on disk and in memory.

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "cli/bench/side_by_side.h"
#include "cli/bench/workload.h"

namespace spoolmq::bench {
namespace {

constexpr std::size_t kFew = 1000;
constexpr long kBacklog = 100'000;
constexpr double kBytesPerMib = 1 << 20;
constexpr double kMsPerSecond = 1000;

std::size_t messages_of(const Conditions& conditions) {
  return static_cast<std::size_t>(conditions.count.value_or(kBacklog));
}

// What the process has of that kind now, from /proc/self/status; bytes.
double memory_bytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(field + ":")) return std::stod(line.substr(field.size() + 1)) * 1024;
  }
  return 0;
}

double bytes_on_disk(const std::string& directory) {
  double blocks = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat status {};
    must(::lstat(entry.path().c_str(), &status) == 0, "stat");
    blocks += static_cast<double>(status.st_blocks);
  }
  constexpr double kBlockBytes = 512;  // stat(2)
  return blocks * kBlockBytes;
}

// Batches sent and taken in turns, behind and before so many that wait all the time.
double rate_with(std::size_t waiting, const Conditions& conditions) {
  Queue queue = fresh_queue(conditions);
  fill(queue, waiting, conditions);
  ReceiveOptions options;
  options.max = kBatch;
  Conditions timed = conditions;
  timed.count.reset();
  Budget budget(timed);
  for (; budget.is_left(); budget.spend(kBatch)) {
    queue.send_batch(std::vector<Message>(kBatch, body_of(conditions)));
    std::vector<Delivery> taken = queue.receive_batch(options);
    queue.ack_batch(taken);
  }
  return budget.per_second();
}

Sample backlog(const Conditions& conditions) {
  const double rate = rate_with(messages_of(conditions), conditions);
  return {rate, 0, {{"peak_memory_mib", memory_bytes("VmHWM") / kBytesPerMib}}};
}

void fill_and_die(const Conditions& conditions) {
  in_killed_child([&] {
    Queue queue = fresh_queue(conditions);
    fill(queue, messages_of(conditions), conditions);
  });
}

// Seconds until a queue can be used.
double open_seconds(const Conditions& conditions) {
  const double began = now_seconds();
  Queue queue = Root::open(conditions.directory).open_queue(kQueueName);
  const QueueStats stats = queue.stats();
  const double took = now_seconds() - began;
  if (stats.of(State::kReady).messages != static_cast<std::int64_t>(messages_of(conditions))) {
    throw failed("messages are missing after a kill");
  }
  return took;
}

Sample open_after_kill(const Conditions& conditions) {
  fill_and_die(conditions);
  return {open_seconds(conditions) * kMsPerSecond, 0, {}};
}

Sample rebuild(const Conditions& conditions) {
  fill_and_die(conditions);
  const std::filesystem::path queue =
      std::filesystem::path(conditions.directory) / "queues" / kQueueName;
  std::size_t removed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(queue)) {
    if (!entry.path().filename().string().starts_with("index.")) continue;
    std::filesystem::remove(entry.path());
    ++removed;
  }
  if (removed == 0) throw failed("there is no index");
  return {static_cast<double>(messages_of(conditions)) / open_seconds(conditions), 0, {}};
}

Sample footprint(const Conditions& conditions) {
  const std::size_t messages = messages_of(conditions);
  const double memory_before = memory_bytes("VmRSS");
  double memory = 0;
  {
    Queue queue = fresh_queue(conditions);
    fill(queue, messages, conditions);
    memory = memory_bytes("VmRSS") - memory_before;
  }
  const auto count = static_cast<double>(messages);
  const double bodies = count * static_cast<double>(conditions.body_bytes);
  return {(bytes_on_disk(conditions.directory + "/queues") - bodies) / count,
          0,
          {{"memory_bytes_per_message", memory / count}}};
}

}  // namespace

std::span<const Workload> growth_workloads() {
  using C = Conditions;
  static const std::vector<Workload> all = {
      {"backlog", "256 sent, 256 taken, while --count messages wait (100000)", Unit::kPerSecond,
       "the same while 1000 wait", backlog, [](const C& c) { return rate_with(kFew, c); }},
      {"open-after-kill",
       "opening a queue of --count messages (100000) whose user was killed",
       Unit::kMilliseconds,
       "",
       open_after_kill,
       {}},
      {"rebuild",
       "the index made anew of --count messages (100000)",
       Unit::kPerSecond,
       "",
       rebuild,
       {}},
      {"footprint",
       "on disk beyond the body, of --count messages (100000)",
       Unit::kBytes,
       "",
       footprint,
       {}},
  };
  return all;
}

}  // namespace spoolmq::bench

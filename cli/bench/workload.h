#pragma once
// What `spoolmq bench` measures: each workload as a user would write it with the library, durable,
// beside the limit of the machine for such work, which is measured right before it.

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/bench/bench_place.h"
#include "spoolmq/queue.h"

namespace spoolmq::bench {

inline constexpr std::size_t kDefaultBodyBytes = 1024;
inline constexpr std::size_t kBatch = 256;
inline constexpr std::size_t kPrefetched = 64;  // where messages are leased ahead
inline constexpr int kMany = 16;                // threads or processes
inline constexpr char kQueueName[] = "bench";

// One measurement, in a directory of its own for the workload and one for its limit.
struct Conditions {
  std::string directory;
  std::size_t body_bytes = kDefaultBodyBytes;
  double seconds = 1;         // that work takes about, but where `count` says more
  std::optional<long> count;  // of messages
};

enum class Unit : std::uint8_t {
  kPerSecond,     // more is better
  kMicroseconds,  // the median; less is better, as in those that follow
  kMilliseconds,
  kBytes,  // per message
};

struct Sample {
  double value = 0;
  double limit = 0;  // measured between the work; 0: Workload::limit tells it
  std::vector<std::pair<std::string_view, double>> further;  // named figures, in the unit or not
};

struct Workload {
  std::string_view name;
  std::string_view summary;  // one line
  Unit unit;
  std::string_view limit_name;  // empty: nothing bounds it
  std::function<Sample(const Conditions&)> run;
  std::function<double(const Conditions&)> limit;  // in the same unit; may be empty
};

std::span<const Workload> send_workloads();
std::span<const Workload> receive_workloads();
std::span<const Workload> latency_workloads();
std::span<const Workload> file_workloads();    // import, export
std::span<const Workload> growth_workloads();  // what many waiting messages cost

// Counts what is done until the time, or the wanted number of messages, is over.
class Budget {
 public:
  explicit Budget(const Conditions& conditions)
      : count_(conditions.count), seconds_(conditions.seconds), began_(now_seconds()) {}
  [[nodiscard]] bool is_left() const {
    return count_ ? done_ < static_cast<double>(*count_) : now_seconds() - began_ < seconds_;
  }
  void spend(std::size_t messages) { done_ += static_cast<double>(messages); }
  [[nodiscard]] double per_second() const { return done_ / (now_seconds() - began_); }

 private:
  std::optional<long> count_;
  double seconds_;
  double began_;
  double done_ = 0;
};

// A new queue in the directory.
Queue fresh_queue(const Conditions& conditions, Format format = Format::kBinary);
Message body_of(const Conditions& conditions);
// A handle's first sends make a file each.
void warm_up(Queue& queue, const Conditions& conditions);
// So many messages wait, and every one has its row.
void fill(Queue& queue, std::size_t messages, const Conditions& conditions);

}  // namespace spoolmq::bench

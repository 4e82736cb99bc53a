#pragma once
// What one fresh process does with a queue, counted: bytes and calls of its reads and writes as the
// kernel counts them (/proc/self/io), time, and the most memory it ever had. The numbers travel
// from the child that measured to the test as lines of text.

#include <map>
#include <string>

namespace spoolmq::bench {

struct Cost {
  double read_bytes = 0;  // medians over the repetitions
  double read_calls = 0;
  double written_bytes = 0;
  double write_calls = 0;
  double microseconds = 0;
};

struct Costs {
  std::map<std::string, Cost> of;  // "open", "send", "claim", "ack", "stats", "scan10"
  double peak_memory_kib = 0;      // VmHWM
};

inline constexpr char kQueueName[] = "scale";
inline constexpr char kOperateOption[] = "--operate";

// The child's part: opens the queue, does everything, prints the costs. The queue must hold nothing
// that a receive could not take.
void operate(const std::string& root);

// The test's part: runs this very program with kOperateOption. Throws std::runtime_error if it
// failed.
Costs costs_in_fresh_process(const std::string& root);

}  // namespace spoolmq::bench

#pragma once
// The adapters of a service: one AdapterRunner and one thread for each name in the configuration.
// Not thread-safe, but for what the runners themselves offer; nothing here waits for an adapter.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli/adapter_runner.h"

namespace spoolmq::cli {

class Supervisor {
 public:
  explicit Supervisor(AdapterRunner::Surroundings surroundings);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor();  // ends all; waits for as long as that takes

  // From now on these and no others: new ones start, changed ones are made anew, the rest end.
  // What an operator paused stays so.
  void apply(const std::vector<AdapterConfig>& configs);
  void end_all();

  // nullptr: there is none of that name, or it is about to end.
  [[nodiscard]] std::shared_ptr<AdapterRunner> find(std::string_view name);
  // By name.
  [[nodiscard]] std::vector<std::shared_ptr<AdapterRunner>> all() const;
  [[nodiscard]] std::vector<AdapterStatus> statuses() const;
  // Forgets what has ended; the names of what has not, though it was told to.
  std::vector<std::string> reap();

 private:
  struct Entry {
    std::shared_ptr<AdapterRunner> runner;
    std::jthread thread;
  };
  void start(const AdapterConfig& config);

  AdapterRunner::Surroundings surroundings_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace spoolmq::cli

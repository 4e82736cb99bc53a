#pragma once
// What the control socket understands (control_server.h has the frame):
//   {"do": "adapters"}                     all; with "name": that one
//   {"do": "pause"|"resume"|"restart", "name": N}
//   both → {"adapters": [{"name", "type", "queue", "directory", "state", "until", "why", "since",
//     "moved", "bytes", "refused", "waiting", "last_success", "last_error", "last_error_at"}],
//     "config_error": why the last reload was refused, or null, "pid", "started"}
//   {"do": "why", "path": P}
//   → {"answers": [{"adapter", "queue", "reasons": [{"rule", "why", "left_ms", "id"}]}]}
// Times are RFC 3339 text in UTC; what is not there is null. pause answers once the running turn
// has come to its end, but waits no longer than 5 s.

#include <asio/awaitable.hpp>
#include <asio/thread_pool.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/supervisor.h"

namespace spoolmq::cli {

nlohmann::json adapter_json(const AdapterStatus& status);

class ServiceControl {
 public:
  // All outlive it. `slow`: where an adapter explains a file, which may take a while.
  ServiceControl(Supervisor& supervisor, asio::thread_pool& slow, const std::string& config_error,
                 std::int64_t started_wall_ms);

  // Throws Error.
  asio::awaitable<nlohmann::json> answer(nlohmann::json request);

 private:
  [[nodiscard]] nlohmann::json adapters(std::vector<AdapterStatus> statuses) const;
  asio::awaitable<nlohmann::json> act(std::string command, std::string name);
  asio::awaitable<nlohmann::json> why(std::string path);
  std::shared_ptr<AdapterRunner> find(const std::string& name);

  Supervisor& supervisor_;
  asio::thread_pool& slow_;
  const std::string& config_error_;
  std::int64_t started_wall_ms_;
};

}  // namespace spoolmq::cli

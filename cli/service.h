#pragma once
// `spoolmq serve`, wired: an event loop in the main thread (signals, control socket, metrics,
// directory hints, watchdog), one thread that sweeps, one per adapter. Nothing in the loop waits
// for a queue or an adapter.
//   SIGHUP           reads the configuration again; one that cannot be used changes nothing
//   SIGTERM, SIGINT  ends: running turns may finish within `drain`; a second one cuts that short

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "cli/control_server.h"
#include "cli/metrics_server.h"
#include "cli/notify.h"
#include "cli/service_config.h"
#include "cli/service_control.h"
#include "cli/service_lock.h"
#include "cli/supervisor.h"
#include "cli/sweeper.h"
#include "cli/watch_desk.h"
#include "core/clock.h"

namespace spoolmq::cli {

// The signals that Service takes from a descriptor: to be blocked before any thread is started.
void block_service_signals();

enum class ServiceEnd : std::uint8_t {
  kInOrder,
  kHung,  // a thread did not end in time: only _exit(2) ends the process now
};

class Service {
 public:
  struct Parts {
    Root* root = nullptr;
    Dir* run_directory = nullptr;  // ROOT/run, locked
    const Clock* clock = nullptr;
    Notifier notifier{""};
    // Reads the configuration. Throws Error saying all that is wrong with it in one line.
    std::function<ServiceConfig()> read_config;
    // Makes an adapter; by adapter_kinds.h unless a test brings its own.
    decltype(AdapterRunner::Surroundings::make) make = {};
    std::optional<log::Level> log_level;  // the command line's, which goes before the file's
  };
  // Opens the sockets. Throws Error.
  Service(Parts parts, ServiceConfig config);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();

  // Until a signal ends it.
  ServiceEnd run();

 private:
  AdapterRunner::Surroundings surroundings();
  void use_metrics(const std::string& place);
  asio::awaitable<void> take_signals();
  asio::awaitable<void> keep_status();
  asio::awaitable<void> keep_watchdog(std::chrono::microseconds every);
  asio::awaitable<void> drain();
  asio::awaitable<std::optional<std::string>> metrics_text();
  void reload();
  void end();
  [[nodiscard]] std::string status_text() const;

  Parts parts_;
  ServiceConfig config_;
  std::string config_error_;
  std::int64_t started_wall_ms_;

  asio::io_context loop_{1};
  asio::posix::stream_descriptor signals_;
  asio::steady_timer drain_timer_;
  std::chrono::steady_clock::time_point drain_until_;
  bool draining_ = false;
  ServiceEnd end_ = ServiceEnd::kInOrder;
  std::string shown_status_;

  WatchDesk desk_;
  Sweeper sweeper_;
  Supervisor supervisor_;
  asio::thread_pool slow_{1};
  ServiceControl control_;
  std::optional<ControlServer> control_server_;
  std::unique_ptr<MetricsServer> metrics_;  // null: none
  std::atomic<bool> swept_out_{false};      // the sweeping thread has closed its queues
  std::jthread sweeping_;
};

}  // namespace spoolmq::cli

#pragma once
// Shows the metrics of the service at one place: a socket that answers HTTP/1.0 GET with the
// Prometheus text format, or a file that is replaced every 10 s (for node_exporter's textfile
// collector). At most 8 readers at a time, 8 KiB a request, 10 s each. For the event loop's thread
// alone.

#include <asio/awaitable.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/metrics_place.h"

namespace spoolmq::cli {

class MetricsServer {
 public:
  static constexpr std::size_t kMaxReaders = 8;
  static constexpr std::size_t kMaxRequestBytes = 8 << 10;
  static constexpr std::chrono::seconds kPatience{10};

  // The metrics now; nullopt: they are not to be had in time.
  using Text = std::function<asio::awaitable<std::optional<std::string>>()>;
  // Throws Error where the place cannot be used.
  MetricsServer(asio::io_context& loop, const MetricsPlace& place, Text text,
                std::chrono::milliseconds file_every = std::chrono::seconds{10});
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  ~MetricsServer();  // takes the name of a socket away; a file stays

 private:
  using Socket = asio::generic::stream_protocol::socket;
  struct State;
  static asio::awaitable<void> accept(std::shared_ptr<State> state);
  static asio::awaitable<void> serve(std::shared_ptr<State> state, std::shared_ptr<Socket> socket);
  static asio::awaitable<void> keep_file(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

// What is answered to the head of a request ("GET /metrics HTTP/1.1\r\n…"): "" for the metrics,
// else the status line's "404 Not Found" and the like. Untrusted text.
std::string_view http_refusal(std::string_view head);

// Replaces the file as a whole: whoever reads it never sees half. Throws Error.
void write_metrics_file(const std::string& path, std::string_view text);

}  // namespace spoolmq::cli

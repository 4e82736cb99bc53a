#pragma once
// ROOT/run/control: one JSON object per line each way, any number of them per connection. A request
// that is refused is answered with {"error": {"code", "operation", "subject", "why"}}, code being
// an exit code of the command line. At most 16 clients at a time, 64 KiB a request, 10 s of
// silence. Only whoever may open the socket (0600) may ask. For the event loop's thread alone.

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "spoolmq/error.h"

namespace spoolmq::cli {

class ControlServer {
 public:
  static constexpr std::size_t kMaxClients = 16;
  static constexpr std::size_t kMaxRequestBytes = 64 << 10;
  static constexpr std::chrono::seconds kPatience{10};

  // `answer` may throw Error, which is what the client is told.
  using Answer = std::function<asio::awaitable<nlohmann::json>(nlohmann::json request)>;
  // `listening` comes from listen_at and is closed here.
  ControlServer(asio::io_context& loop, int listening, Answer answer);
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();

 private:
  using Protocol = asio::local::stream_protocol;
  struct State;
  static asio::awaitable<void> accept(std::shared_ptr<State> state);
  static asio::awaitable<void> serve(std::shared_ptr<State> state,
                                     std::shared_ptr<Protocol::socket> socket);
  static asio::awaitable<nlohmann::json> reply_to(std::shared_ptr<State> state, std::string line);

  std::shared_ptr<State> state_;
};

nlohmann::json error_json(const Error& error);

}  // namespace spoolmq::cli

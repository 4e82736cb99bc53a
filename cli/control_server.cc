#include "cli/control_server.h"

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/read_until.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <optional>
#include <string>
#include <utility>

#include "core/log.h"

namespace spoolmq::cli {

struct ControlServer::State {
  State(asio::io_context& loop, int listening, Answer given)
      : acceptor(loop, Protocol(), listening), answer(std::move(given)) {}
  asio::local::stream_protocol::acceptor acceptor;
  Answer answer;
  std::size_t clients = 0;
};

namespace {

// Out of descriptors, say: the rest of the service goes on meanwhile.
constexpr std::chrono::milliseconds kRestAfterFailure{100};

std::string line_of(const nlohmann::json& object) {
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Error refusal(ErrorCode code, std::string_view why) {
  return {code, "ask the service", "control", why};
}

}  // namespace

nlohmann::json error_json(const Error& error) {
  return {{"error",
           {{"code", static_cast<int>(error.code())},
            {"operation", error.operation()},
            {"subject", error.subject()},
            {"why", error.why()}}}};
}

ControlServer::ControlServer(asio::io_context& loop, int listening, Answer answer)
    : state_(std::make_shared<State>(loop, listening, std::move(answer))) {
  asio::co_spawn(loop, accept(state_), asio::detached);
}

ControlServer::~ControlServer() {
  asio::error_code ignored;
  state_->acceptor.close(ignored);
}

asio::awaitable<void> ControlServer::accept(std::shared_ptr<State> state) {
  asio::steady_timer rest(state->acceptor.get_executor());
  while (state->acceptor.is_open()) {
    asio::error_code error;
    auto socket = std::make_shared<Protocol::socket>(state->acceptor.get_executor());
    co_await state->acceptor.async_accept(*socket,
                                          asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      rest.expires_after(kRestAfterFailure);
      co_await rest.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    if (state->clients >= kMaxClients) {
      const std::string line =
          line_of(error_json(refusal(ErrorCode::kTryAgain, "too many ask at the same time")));
      socket->non_blocking(true, error);
      socket->write_some(asio::buffer(line), error);
      continue;
    }
    asio::co_spawn(state->acceptor.get_executor(), serve(state, std::move(socket)), asio::detached);
  }
}

asio::awaitable<void> ControlServer::serve(std::shared_ptr<State> state,
                                           std::shared_ptr<Protocol::socket> socket) {
  struct Count {
    explicit Count(std::size_t& clients) : count(clients) { ++count; }
    Count(const Count&) = delete;
    Count& operator=(const Count&) = delete;
    ~Count() { --count; }
    std::size_t& count;
  };
  const Count count(state->clients);
  asio::steady_timer silence(socket->get_executor());
  std::string received;
  bool more = true;
  while (more) {
    silence.expires_after(kPatience);
    silence.async_wait([socket](const asio::error_code& cancelled) {
      asio::error_code ignored;
      if (!cancelled) socket->close(ignored);
    });
    asio::error_code error;
    const std::size_t length =
        co_await asio::async_read_until(*socket, asio::dynamic_buffer(received, kMaxRequestBytes),
                                        '\n', asio::redirect_error(asio::use_awaitable, error));
    nlohmann::json reply;
    if (error == asio::error::not_found) {
      reply = error_json(refusal(ErrorCode::kBadData, "the request is longer than 64 KiB"));
      more = false;
    } else if (error) {
      co_return;
    } else {
      silence.cancel();  // our own work is bounded by itself
      std::string line = received.substr(0, length - 1);
      received.erase(0, length);
      reply = co_await reply_to(state, std::move(line));
      silence.expires_after(kPatience);
      silence.async_wait([socket](const asio::error_code& cancelled) {
        asio::error_code ignored;
        if (!cancelled) socket->close(ignored);
      });
    }
    const std::string text = line_of(reply);
    co_await asio::async_write(*socket, asio::buffer(text),
                               asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
  }
}

asio::awaitable<nlohmann::json> ControlServer::reply_to(std::shared_ptr<State> state,
                                                        std::string line) {
  nlohmann::json request = nlohmann::json::parse(line, nullptr, false);
  if (!request.is_object()) {
    co_return error_json(refusal(ErrorCode::kBadData, "the request is not a JSON object"));
  }
  std::optional<Error> refused;
  try {
    co_return co_await state->answer(std::move(request));
  } catch (const Error& error) {
    refused = error;
  } catch (const std::exception& error) {
    log::error("control request failed", {{"why", error.what()}});
    refused = refusal(ErrorCode::kInternal, error.what());
  }
  co_return error_json(*refused);
}

}  // namespace spoolmq::cli

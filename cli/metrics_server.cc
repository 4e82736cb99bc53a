#include "cli/metrics_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/basic_socket_acceptor.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/read_until.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cerrno>
#include <utility>

#include "adapters/unix_socket.h"
#include "core/file_system.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr std::uint32_t kSocketMode = 0660;
constexpr std::uint32_t kFileMode = 0644;
constexpr int kBacklog = 16;
constexpr std::chrono::milliseconds kRestAfterFailure{100};
constexpr std::string_view kEndOfHead = "\r\n\r\n";

int listen_tcp(const MetricsPlace& place) {
  sockaddr_storage address{};
  socklen_t length = sizeof(sockaddr_in);
  auto& four = reinterpret_cast<sockaddr_in&>(address);
  auto& six = reinterpret_cast<sockaddr_in6&>(address);
  if (::inet_pton(AF_INET, place.address.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(place.port);
  } else {
    ::inet_pton(AF_INET6, place.address.c_str(), &six.sin6_addr);
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(place.port);
    length = sizeof(sockaddr_in6);
  }
  const int made =
      ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
  const int on = 1;
  if (made < 0 || ::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(made, reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      ::listen(made, kBacklog) != 0) {
    const int error_number = errno;
    if (made >= 0) ::close(made);
    throw Error::from_errno(error_number, "listen",
                            place.address + ":" + std::to_string(place.port));
  }
  return made;
}

std::string response(std::string_view status, std::string_view body) {
  std::string out = "HTTP/1.0 ";
  out.append(status).append("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
  if (status.starts_with("405")) out.append("Allow: GET\r\n");
  out.append("Content-Length: ").append(std::to_string(body.size()));
  out.append("\r\nConnection: close").append(kEndOfHead).append(body);
  return out;
}

}  // namespace

struct MetricsServer::State {
  State(asio::io_context& loop, const MetricsPlace& where, Text given,
        std::chrono::milliseconds every)
      : place(where), text(std::move(given)), file_every(every), listening(loop), timer(loop) {}
  MetricsPlace place;
  Text text;
  std::chrono::milliseconds file_every;
  asio::posix::stream_descriptor listening;  // of kUnixSocket and kTcp
  asio::steady_timer timer;                  // of kFile; rests of accept()
  std::size_t readers = 0;
  bool ended = false;
};

std::string_view http_refusal(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || !line.substr(second + 1).starts_with("HTTP/1.")) {
    return "400 Bad Request";
  }
  if (line.substr(0, first) != "GET") return "405 Method Not Allowed";
  std::string_view path = line.substr(first + 1, second - first - 1);
  path = path.substr(0, path.find('?'));
  return path == "/metrics" || path == "/" ? "" : "404 Not Found";
}

void write_metrics_file(const std::string& path, std::string_view text) {
  const std::size_t slash = path.rfind('/');
  const std::unique_ptr<Dir> directory = open_posix_dir(path.substr(0, slash == 0 ? 1 : slash));
  const std::string name = path.substr(slash + 1);
  // A name that the collector, which takes *.prom, does not look at.
  const std::string temporary = "." + name + ".spoolmq";
  directory->unlink(temporary);
  {
    const std::unique_ptr<File> file = directory->create(temporary, kFileMode, IfExists::kFail);
    file->write_at(as_bytes(text), 0);
  }
  directory->rename_over(temporary, *directory, name);
}

MetricsServer::MetricsServer(asio::io_context& loop, const MetricsPlace& place, Text text,
                             std::chrono::milliseconds file_every)
    : state_(std::make_shared<State>(loop, place, std::move(text), file_every)) {
  switch (place.kind) {
    case MetricsPlace::Kind::kUnixSocket:
      state_->listening.assign(adapters::listen_at(place.path, kSocketMode));
      break;
    case MetricsPlace::Kind::kTcp:
      state_->listening.assign(listen_tcp(place));
      break;
    case MetricsPlace::Kind::kFile:
      asio::co_spawn(loop, keep_file(state_), asio::detached);
      return;
  }
  asio::co_spawn(loop, accept(state_), asio::detached);
}

MetricsServer::~MetricsServer() {
  state_->ended = true;
  asio::error_code ignored;
  state_->listening.close(ignored);
  state_->timer.cancel();
  if (state_->place.kind == MetricsPlace::Kind::kUnixSocket) {
    ::unlink(state_->place.path.c_str());
  }
}

asio::awaitable<void> MetricsServer::accept(std::shared_ptr<State> state) {
  while (!state->ended) {
    asio::error_code error;
    co_await state->listening.async_wait(asio::posix::descriptor_base::wait_read,
                                         asio::redirect_error(asio::use_awaitable, error));
    if (error || state->ended) co_return;
    const int accepted =
        ::accept4(state->listening.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (accepted < 0) {
      if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) continue;
      state->timer.expires_after(kRestAfterFailure);
      co_await state->timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    const int family =
        state->place.kind == MetricsPlace::Kind::kUnixSocket
            ? AF_UNIX
            : (state->place.address.find(':') == std::string::npos ? AF_INET : AF_INET6);
    auto socket = std::make_shared<Socket>(state->listening.get_executor(),
                                           asio::generic::stream_protocol(family, 0), accepted);
    if (state->readers >= kMaxReaders) {
      const std::string busy = response("503 Service Unavailable", "too many read\n");
      socket->non_blocking(true, error);
      socket->write_some(asio::buffer(busy), error);
      continue;
    }
    asio::co_spawn(state->listening.get_executor(), serve(state, std::move(socket)),
                   asio::detached);
  }
}

asio::awaitable<void> MetricsServer::serve(std::shared_ptr<State> state,
                                           std::shared_ptr<Socket> socket) {
  struct Count {
    explicit Count(std::size_t& readers) : count(readers) { ++count; }
    Count(const Count&) = delete;
    Count& operator=(const Count&) = delete;
    ~Count() { --count; }
    std::size_t& count;
  };
  const Count count(state->readers);
  asio::steady_timer patience(socket->get_executor(), kPatience);
  patience.async_wait([socket](const asio::error_code& cancelled) {
    asio::error_code ignored;
    if (!cancelled) socket->close(ignored);
  });
  std::string head;
  asio::error_code error;
  co_await asio::async_read_until(*socket, asio::dynamic_buffer(head, kMaxRequestBytes), kEndOfHead,
                                  asio::redirect_error(asio::use_awaitable, error));
  if (error && error != asio::error::not_found) co_return;
  std::string_view status =
      error ? std::string_view("431 Request Header Fields Too Large") : http_refusal(head);
  std::string body;
  if (status.empty()) {
    std::optional<std::string> text = co_await state->text();
    status = text ? "200 OK" : "503 Service Unavailable";
    body = text ? std::move(*text) : "the counts are not to be had in time\n";
  } else {
    body = std::string(status) + "\n";
  }
  const std::string whole = response(status, body);
  co_await asio::async_write(*socket, asio::buffer(whole),
                             asio::redirect_error(asio::use_awaitable, error));
  socket->shutdown(asio::socket_base::shutdown_send, error);
}

asio::awaitable<void> MetricsServer::keep_file(std::shared_ptr<State> state) {
  bool failing = false;
  while (!state->ended) {
    const std::optional<std::string> text = co_await state->text();
    if (state->ended) co_return;
    std::string why;
    try {
      if (text) write_metrics_file(state->place.path, *text);
    } catch (const std::exception& error) {
      why = error.what();
    }
    if (!why.empty() && !failing) log::error("metrics not written", {{"why", why}});
    if (why.empty() && failing) log::info("metrics are written again");
    failing = !why.empty();
    state->timer.expires_after(state->file_every);
    asio::error_code ignored;
    co_await state->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

}  // namespace spoolmq::cli

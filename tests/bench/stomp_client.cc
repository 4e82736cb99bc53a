#include "tests/bench/stomp_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "cli/bench/bench_place.h"

namespace spoolmq::bench {
namespace {

using adapters::StompFound;
using adapters::StompFrame;
using adapters::StompVersion;

constexpr std::size_t kReadBytes = 256 << 10;
constexpr timeval kLongestWait{30, 0};

adapters::Descriptor connected(int port) {
  adapters::Descriptor made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  must(made.is_open(), "open a socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(::connect(made.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
       "connect");
  const int yes = 1;
  must(::setsockopt(made.number(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0, "set");
  for (const int wait : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    must(::setsockopt(made.number(), SOL_SOCKET, wait, &kLongestWait, sizeof kLongestWait) == 0,
         "set");
  }
  return made;
}

}  // namespace

StompClient::StompClient(int port) : socket_(connected(port)), buffer_(kReadBytes, '\0') {
  StompFrame hello;
  hello.command = "CONNECT";
  hello.add("accept-version", "1.2");
  hello.add("host", "/");
  hello.add("login", "guest");
  hello.add("passcode", "guest");
  add(hello);
  flush();
  const StompFrame answer = take();
  if (answer.command != "CONNECTED") throw std::runtime_error("not connected: " + answer.command);
  decoder_.set_version(StompVersion::k12);
}

void StompClient::add(const StompFrame& frame) {
  adapters::append_stomp(unsent_, frame, StompVersion::k12);
}

void StompClient::flush() {
  std::string_view left = unsent_;
  while (!left.empty()) {
    const ssize_t sent = ::send(socket_.number(), left.data(), left.size(), MSG_NOSIGNAL);
    must(sent > 0, "send");
    left.remove_prefix(static_cast<std::size_t>(sent));
  }
  unsent_.clear();
}

std::optional<StompFrame> StompClient::next() {
  StompFrame frame;
  switch (decoder_.next(frame)) {
    case StompFound::kNothing:
      return std::nullopt;
    case StompFound::kBroken:
      throw std::runtime_error("the server's stream is broken: " + decoder_.why());
    case StompFound::kFrame:
      break;
  }
  if (frame.command == "ERROR") {
    const std::string* const why = frame.header("message");
    throw std::runtime_error("ERROR: " + (why == nullptr ? frame.body : *why));
  }
  return frame;
}

void StompClient::read() {
  const ssize_t got = ::recv(socket_.number(), buffer_.data(), buffer_.size(), 0);
  must(got >= 0, "receive");
  if (got == 0) throw std::runtime_error("the server ended the connection");
  decoder_.feed(std::string_view(buffer_).substr(0, static_cast<std::size_t>(got)));
}

StompFrame StompClient::take() {
  while (true) {
    if (std::optional<StompFrame> frame = next()) return *std::move(frame);
    read();
  }
}

}  // namespace spoolmq::bench

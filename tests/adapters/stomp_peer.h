#pragma once
// A broker of STOMP on loopback that says what the test tells it to, on a real socket. Every wait
// has a deadline of 20 s; what comes in vain is an empty frame.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "adapters/descriptor.h"
#include "adapters/socket_address.h"
#include "adapters/stomp_codec.h"

namespace spoolmq::adapters::test {

class StompPeer {
 public:
  StompPeer() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const SocketAddress any = numeric_addresses({"127.0.0.1", "0"}).at(0);
    EXPECT_EQ(::bind(listening_.number(), any.raw(), any.length()), 0);
    EXPECT_EQ(::listen(listening_.number(), 8), 0);
    place_ = {"127.0.0.1", std::to_string(SocketAddress::of_socket(listening_.number()).port())};
  }
  [[nodiscard]] const HostPort& place() const { return place_; }

  // The next client; its CONNECT.
  StompFrame accept() {
    cut();
    if (!ready(listening_)) return {};
    socket_ = Descriptor(::accept4(listening_.number(), nullptr, nullptr, SOCK_CLOEXEC));
    decoder_.emplace(StompLimits{.body_bytes = 64 << 20});
    return next();
  }
  // Likewise, and CONNECTED.
  StompFrame welcome(const std::string& server = "other", const std::string& beats = "0,0") {
    StompFrame connect = accept();
    say({"CONNECTED", {{"version", "1.2"}, {"server", server}, {"heart-beat", beats}}, {}});
    decoder_->set_version(StompVersion::k12);
    return connect;
  }
  StompFrame next() {
    StompFrame frame;
    while (decoder_->next(frame) == StompFound::kNothing) {
      if (!read()) return {};
    }
    return frame;
  }
  std::vector<StompFrame> next(std::size_t count) {
    std::vector<StompFrame> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(next());
    return all;
  }
  void say(const StompFrame& frame) {
    std::string bytes;
    append_stomp(bytes, frame, StompVersion::k12);
    write(bytes);
  }
  void confirm(const StompFrame& frame) {
    const std::string* const receipt = frame.header("receipt");
    ASSERT_NE(receipt, nullptr);
    say({"RECEIPT", {{"receipt-id", *receipt}}, {}});
  }
  void write(std::string_view bytes) {
    EXPECT_EQ(::send(socket_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void cut() { socket_.close(); }
  // Nothing more comes for so long.
  bool is_silent(int for_ms) {
    pollfd waited{socket_.number(), POLLIN, 0};
    return ::poll(&waited, 1, for_ms) == 0;
  }
  // The client has ended the connection, after whatever else it said.
  bool is_left() {
    while (read()) continue;
    return ended_;
  }
  // Bytes, not frames: until something came.
  std::string bytes() {
    raw_.clear();
    static_cast<void>(read());
    return raw_;
  }

 private:
  static constexpr int kPatienceMs = 20'000;
  static bool ready(const Descriptor& one) {
    pollfd waited{one.number(), POLLIN, 0};
    return ::poll(&waited, 1, kPatienceMs) == 1;
  }
  bool read() {
    ended_ = false;
    if (!ready(socket_)) return false;
    std::array<char, 65536> bytes;
    const ssize_t got = ::recv(socket_.number(), bytes.data(), bytes.size(), 0);
    ended_ = got <= 0;
    if (ended_) return false;
    raw_.assign(bytes.data(), static_cast<std::size_t>(got));
    decoder_->feed(raw_);
    return true;
  }

  Descriptor listening_;
  HostPort place_;
  Descriptor socket_;
  std::optional<StompDecoder> decoder_;
  std::string raw_;
  bool ended_ = false;
};

}  // namespace spoolmq::adapters::test

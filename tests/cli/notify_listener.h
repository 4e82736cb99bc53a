#pragma once
// The service manager's end of sd_notify(3).

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

namespace spoolmq::cli {

class NotifyListener {
 public:
  // A path, or "@NAME" of the abstract name space.
  explicit NotifyListener(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), length), 0);
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  NotifyListener(const NotifyListener&) = delete;
  NotifyListener& operator=(const NotifyListener&) = delete;
  ~NotifyListener() { ::close(socket_); }

  // The next datagram; "(nothing)" if there is none within 20 s.
  std::string hear() {
    char datagram[4096];
    const ssize_t got = ::recv(socket_, datagram, sizeof datagram, 0);
    return got < 0 ? "(nothing)" : std::string(datagram, static_cast<std::size_t>(got));
  }
  // Passes over others; "(nothing)" likewise.
  std::string hear_one_with(const std::string& start) {
    std::string heard;
    do heard = hear();
    while (!heard.starts_with(start) && heard != "(nothing)");
    return heard;
  }

 private:
  int socket_;
};

}  // namespace spoolmq::cli

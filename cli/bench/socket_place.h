#pragma once
// An address of a socket, of whatever family. A plain value.

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <cstring>
#include <string>

namespace spoolmq::bench {

struct SocketPlace {
  sockaddr_storage bytes{};
  socklen_t length = 0;

  static SocketPlace at_path(const std::string& path) {  // shorter than sun_path
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return of(address);
  }
  static SocketPlace on_loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return of(address);
  }
  [[nodiscard]] const sockaddr* get() const {
    return static_cast<const sockaddr*>(static_cast<const void*>(&bytes));
  }
  [[nodiscard]] sockaddr* get() { return static_cast<sockaddr*>(static_cast<void*>(&bytes)); }

 private:
  template <typename Written>
  static SocketPlace of(const Written& written) {
    SocketPlace place;
    std::memcpy(&place.bytes, &written, sizeof written);
    place.length = sizeof written;
    return place;
  }
};

}  // namespace spoolmq::bench

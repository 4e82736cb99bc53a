#pragma once
// Internet addresses as people write them, and as the kernel takes them. Values.

#include <sys/socket.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spoolmq::adapters {

// "127.0.0.1:9000", "[::1]:9000", "host.example:9000".
struct HostPort {
  std::string host;  // without brackets
  std::string port;  // a number
  [[nodiscard]] std::string text() const;
  bool operator==(const HostPort&) const = default;
};

// nullopt: none of those forms. Port 0 is one.
std::optional<HostPort> parse_host_port(std::string_view text);

class SocketAddress {
 public:
  SocketAddress(const sockaddr* address, socklen_t length);
  static SocketAddress of_socket(int socket);  // its own; throws Error
  static SocketAddress of_peer(int socket);    // throws Error

  [[nodiscard]] const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&address_); }
  [[nodiscard]] socklen_t length() const { return length_; }
  [[nodiscard]] int family() const { return address_.ss_family; }
  // Nobody outside of this machine reaches it: 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104, any path.
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] std::string text() const;       // "127.0.0.1:9000", "[::1]:9000", a path
  [[nodiscard]] std::string host_text() const;  // without the port; "::1"
  [[nodiscard]] int port() const;               // 0 where there is none

 private:
  sockaddr_storage address_{};
  socklen_t length_;
};

// What an address in numbers means. Empty: it is a name, or nothing at all.
std::vector<SocketAddress> numeric_addresses(const HostPort& place);

}  // namespace spoolmq::adapters

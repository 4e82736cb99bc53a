#pragma once
// Where a datagram comes from or goes to: an address of UDP, or of a Unix socket. A plain value.

#include <sys/socket.h>

#include <optional>
#include <string>
#include <string_view>

namespace spoolmq::adapters {

struct DatagramAddress {
  sockaddr_storage bytes{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
  [[nodiscard]] int family() const { return bytes.ss_family; }
  // "udp:127.0.0.1:514", "udp:[::1]:514", "unix:/run/a.sock", "unix:@abstract"; "" for a Unix
  // socket without an address. Safe on a terminal.
  [[nodiscard]] std::string text() const;
  // No other machine can send there, or receive what is sent there.
  [[nodiscard]] bool is_local() const;
};

struct HostAndPort {
  std::string host;  // empty: any address of this machine
  std::string port;
};

// "HOST:PORT", "[V6]:PORT", "*:PORT"; nullopt: it is not so, or the port is none from 1 to 65535.
std::optional<HostAndPort> parse_host_and_port(std::string_view text);

enum class AddressUse : std::uint8_t { kListen, kConnect };

// The first address that the name has. Throws Error(kUnavailable) where it cannot be found out now,
// kConfiguration where there is none.
DatagramAddress resolve_udp(const HostAndPort& place, AddressUse use);

}  // namespace spoolmq::adapters

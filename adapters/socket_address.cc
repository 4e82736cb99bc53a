#include "adapters/socket_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostHostBytes = 253;  // RFC 1035 section 2.3.4, as text
constexpr unsigned kMostPort = 65'535;
constexpr std::uint32_t kLoopbackNet = 127;

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && stop == text.data() + text.size() && port <= kMostPort;
}

bool is_host_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '-' || c == '_';
}

template <typename Address>
Address as(const sockaddr_storage& storage) {
  Address address;
  std::memcpy(&address, &storage, sizeof address);
  return address;
}

}  // namespace

std::string HostPort::text() const {
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + port;
}

std::optional<HostPort> parse_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_port(text.substr(colon + 1))) return std::nullopt;
  HostPort place{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
  if (place.host.starts_with('[') && place.host.ends_with(']')) {
    place.host = place.host.substr(1, place.host.size() - 2);
    if (place.host.find(':') == std::string::npos || numeric_addresses(place).empty()) {
      return std::nullopt;
    }
    return place;
  }
  if (place.host.empty() || place.host.size() > kMostHostBytes ||
      !std::ranges::all_of(place.host, is_host_byte)) {
    return std::nullopt;
  }
  return place;
}

SocketAddress::SocketAddress(const sockaddr* address, socklen_t length)
    : length_(std::min<socklen_t>(length, sizeof address_)) {
  std::memcpy(&address_, address, length_);
}

SocketAddress SocketAddress::of_socket(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw Error::from_errno(errno, "ask", "the address of a socket");
  }
  return {reinterpret_cast<const sockaddr*>(&address), length};
}

SocketAddress SocketAddress::of_peer(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw Error::from_errno(errno, "ask", "the address of the other end");
  }
  return {reinterpret_cast<const sockaddr*>(&address), length};
}

bool SocketAddress::is_loopback() const {
  if (family() == AF_INET) {
    return ntohl(as<sockaddr_in>(address_).sin_addr.s_addr) >> 24 == kLoopbackNet;
  }
  if (family() == AF_INET6) {
    const in6_addr address = as<sockaddr_in6>(address_).sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&address) ||
           (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == kLoopbackNet);
  }
  return family() == AF_UNIX;
}

std::string SocketAddress::host_text() const {
  std::array<char, NI_MAXHOST> host{};
  if (::getnameinfo(raw(), length_, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
    return "unknown";
  }
  return host.data();
}

std::string SocketAddress::text() const {
  if (family() == AF_UNIX) {
    const auto address = as<sockaddr_un>(address_);
    const std::size_t longest =
        length_ - std::min<std::size_t>(length_, offsetof(sockaddr_un, sun_path));
    if (longest == 0) return "a socket without a name";
    if (address.sun_path[0] == '\0') return "@" + std::string(address.sun_path + 1, longest - 1);
    return {address.sun_path, ::strnlen(address.sun_path, longest)};
  }
  return HostPort{host_text(), std::to_string(port())}.text();
}

int SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(as<sockaddr_in>(address_).sin_port);
  if (family() == AF_INET6) return ntohs(as<sockaddr_in6>(address_).sin6_port);
  return 0;
}

std::vector<SocketAddress> numeric_addresses(const HostPort& place) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &found) != 0) return {};
  std::vector<SocketAddress> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    addresses.emplace_back(one->ai_addr, one->ai_addrlen);
  }
  ::freeaddrinfo(found);
  return addresses;
}

}  // namespace spoolmq::adapters

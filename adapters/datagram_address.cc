#include "adapters/datagram_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <memory>

#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr unsigned kMostPort = 65535;

template <typename Address>
Address as(const sockaddr_storage& bytes) {
  Address address{};
  std::memcpy(&address, &bytes, sizeof address);
  return address;
}

std::string unix_text(const DatagramAddress& address) {
  constexpr std::size_t kBefore = offsetof(sockaddr_un, sun_path);
  if (address.length <= kBefore) return {};
  const auto unix_address = as<sockaddr_un>(address.bytes);
  std::string_view path(unix_address.sun_path, address.length - kBefore);
  if (path.front() == '\0') return "unix:@" + printable(path.substr(1));
  return "unix:" + printable(path.substr(0, path.find('\0')));
}

}  // namespace

std::string DatagramAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> host{};
  if (family() == AF_INET) {
    const auto four = as<sockaddr_in>(bytes);
    ::inet_ntop(AF_INET, &four.sin_addr, host.data(), host.size());
    return "udp:" + std::string(host.data()) + ":" + std::to_string(ntohs(four.sin_port));
  }
  if (family() == AF_INET6) {
    const auto six = as<sockaddr_in6>(bytes);
    ::inet_ntop(AF_INET6, &six.sin6_addr, host.data(), host.size());
    return "udp:[" + std::string(host.data()) + "]:" + std::to_string(ntohs(six.sin6_port));
  }
  return unix_text(*this);
}

bool DatagramAddress::is_local() const {
  if (family() == AF_INET) {
    return (ntohl(as<sockaddr_in>(bytes).sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
  }
  if (family() == AF_INET6) {
    const auto six = as<sockaddr_in6>(bytes);
    return IN6_IS_ADDR_LOOPBACK(&six.sin6_addr) != 0;
  }
  return true;
}

std::optional<HostAndPort> parse_host_and_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  unsigned number = 0;
  const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || stop != port.data() + port.size() || number < 1 ||
      number > kMostPort) {
    return std::nullopt;
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  if (host.empty()) return std::nullopt;
  return HostAndPort{host == "*" ? std::string() : std::string(host), std::string(port)};
}

DatagramAddress resolve_udp(const HostAndPort& place, AddressUse use) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = use == AddressUse::kListen ? AI_PASSIVE : 0;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(place.host.empty() ? nullptr : place.host.c_str(),
                                    place.port.c_str(), &hints, &found);
  if (failure != 0) {
    throw Error(failure == EAI_AGAIN ? ErrorCode::kUnavailable : ErrorCode::kConfiguration,
                "look up", place.host, ::gai_strerror(failure));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
  DatagramAddress address;
  std::memcpy(&address.bytes, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  return address;
}

}  // namespace spoolmq::adapters

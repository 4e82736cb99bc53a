#include "cli/metrics_place.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <optional>

#include "core/units.h"

namespace spoolmq::cli {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kFile = "file:";
constexpr std::size_t kMaxSocketPathBytes = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t kMaxPathBytes = 4095;  // PATH_MAX less its NUL
constexpr std::int64_t kMaxPort = 65'535;
constexpr std::uint32_t kLoopbackNet = 127;  // the first byte of the address

enum class Reach : std::uint8_t { kThisMachine, kOthers };

// nullopt: not a numeric address.
std::optional<Reach> reach_of(const std::string& address) {
  in_addr four{};
  if (::inet_pton(AF_INET, address.c_str(), &four) == 1) {
    return ntohl(four.s_addr) >> 24 == kLoopbackNet ? Reach::kThisMachine : Reach::kOthers;
  }
  in6_addr six{};
  if (::inet_pton(AF_INET6, address.c_str(), &six) == 1) {
    const bool is_loopback = std::equal(std::begin(six.s6_addr), std::end(six.s6_addr),
                                        std::begin(in6addr_loopback.s6_addr));
    return is_loopback ? Reach::kThisMachine : Reach::kOthers;
  }
  return std::nullopt;
}

MetricsRefusal neither() { return {"it must be " + std::string(kMetricsForms)}; }

std::variant<MetricsPlace, MetricsRefusal> with_path(MetricsPlace::Kind kind, std::string_view path,
                                                     std::size_t max_bytes) {
  if (!path.starts_with('/') || path.ends_with('/') || path.find('\0') != std::string_view::npos) {
    return MetricsRefusal{"the path must be absolute, and a file's"};
  }
  if (path.size() > max_bytes) {
    return MetricsRefusal{"the path is longer than " + std::to_string(max_bytes) + " bytes"};
  }
  return MetricsPlace{.kind = kind, .path = std::string(path), .address = {}, .port = 0};
}

}  // namespace

std::variant<MetricsPlace, MetricsRefusal> parse_metrics_place(std::string_view text) {
  if (text.starts_with(kUnix)) {
    return with_path(MetricsPlace::Kind::kUnixSocket, text.substr(kUnix.size()),
                     kMaxSocketPathBytes);
  }
  if (text.starts_with(kFile)) {
    return with_path(MetricsPlace::Kind::kFile, text.substr(kFile.size()), kMaxPathBytes);
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find('\0') != std::string_view::npos) {
    return neither();
  }
  std::string_view address = text.substr(0, colon);
  const bool in_brackets = address.starts_with('[') && address.ends_with(']');
  if (in_brackets) address = address.substr(1, address.size() - 2);
  const bool is_six = address.find(':') != std::string_view::npos;
  const auto reach = reach_of(std::string(address));
  if (!reach || is_six != in_brackets) return neither();
  const std::string_view digits = text.substr(colon + 1);
  const auto port = parse_integer(digits);
  if (!port || *port < 1 || *port > kMaxPort ||
      !std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) {
    return MetricsRefusal{"the port must be from 1 to 65535"};
  }
  if (*reach == Reach::kOthers) {
    return MetricsRefusal{"other machines could read them there: only 127.0.0.1 and [::1]"};
  }
  return MetricsPlace{.kind = MetricsPlace::Kind::kTcp,
                      .path = {},
                      .address = std::string(address),
                      .port = static_cast<std::uint16_t>(*port)};
}

}  // namespace spoolmq::cli

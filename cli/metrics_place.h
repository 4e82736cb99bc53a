#pragma once
// Where the service shows its metrics: "unix:PATH", "ADDRESS:PORT" of this machine, "file:PATH".
// Nothing asks who reads them, so no address is allowed that another machine could reach.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace spoolmq::cli {

struct MetricsPlace {
  enum class Kind : std::uint8_t { kUnixSocket, kTcp, kFile };
  Kind kind = Kind::kFile;
  std::string path;     // absolute; of kUnixSocket and kFile
  std::string address;  // numeric, without brackets; of kTcp
  std::uint16_t port = 0;
};

struct MetricsRefusal {
  std::string why;  // one line, with what would be allowed
};

inline constexpr std::string_view kMetricsForms =
    R"("unix:/PATH", "127.0.0.1:PORT", "[::1]:PORT" or "file:/PATH")";

std::variant<MetricsPlace, MetricsRefusal> parse_metrics_place(std::string_view text);

}  // namespace spoolmq::cli

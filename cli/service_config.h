#pragma once
// spoolmq.toml: what `serve` runs. Read wholly before anything is started: every mistake is found
// at once, with file, line, and what would be allowed.
//
//   metrics = "unix:/run/spoolmq/metrics"      # or "127.0.0.1:9464", or "file:PATH"
//   log-level = "info"                         # debug info warn error
//   drain = "20s"                              # how long running turns may take after SIGTERM
//
//   [[adapter]]
//   name = "orders-in"                         # default: type and queue, "import-orders"
//   type = "import"                            # import export tail
//   queue = "orders"
//   directory = "/srv/in"                      # absolute; a tail has command, fifo or socket
//   include = ["*.xml"]                        # every other key: the options of `spoolmq import`
//   enabled = true

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/adapter_kinds.h"
#include "core/log.h"

namespace spoolmq::cli {

struct AdapterConfig {
  std::string name;
  std::string type;
  AdapterSettings settings;
  std::string fingerprint;  // equal if and only if every key is: reloading compares it
  std::uint64_t line = 0;   // of its [[adapter]]
};

struct ServiceConfig {
  std::string metrics;  // empty: none
  log::Level log_level = log::Level::kInfo;
  std::chrono::milliseconds drain{20'000};
  std::vector<AdapterConfig> adapters;  // the enabled ones; names are unique
};

struct ConfigProblem {
  std::uint64_t line = 0;
  std::string why;  // one line, names the key and the allowed values
};

struct ConfigResult {
  ServiceConfig config;                 // usable only without problems
  std::vector<ConfigProblem> problems;  // in the order of lines
};

inline constexpr std::size_t kMaxConfigBytes = 1 << 20;
inline constexpr std::size_t kMaxAdapters = 256;

// `path` is for messages. Untrusted text: nothing throws for its sake.
ConfigResult parse_service_config(std::string_view toml, const std::string& path);

// The text of the file; nullopt: there is none. Throws Error, kConfiguration for one that is larger
// than kMaxConfigBytes.
std::optional<std::string> read_service_config(const std::string& path);
// "PATH:LINE: WHY".
std::string problem_line(const ConfigProblem& problem, const std::string& path);

inline constexpr std::string_view kServiceConfig = "spoolmq.toml";  // under the root

}  // namespace spoolmq::cli

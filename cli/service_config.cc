#include "cli/service_config.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

#include "cli/adapter_config.h"
#include "cli/config_values.h"
#include "cli/metrics_place.h"
#include "core/file_system.h"
#include "core/text.h"
#include "core/units.h"
#include "core/utf8.h"

namespace spoolmq::cli {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array kServiceKeys{"metrics"sv, "log-level"sv, "drain"sv, "adapter"sv};
constexpr std::chrono::milliseconds kLongestDrain{3'600'000};

// ---- The whole file

void read_adapters(const toml::node& node, ServiceConfig& config, ConfigReport& report) {
  const auto* const tables = node.as_array();
  if (tables == nullptr || !tables->is_array_of_tables()) {
    report.add(node.source(), "adapter: write it as [[adapter]], one for each");
    return;
  }
  if (tables->size() > kMaxAdapters) {
    report.add(tables->get(kMaxAdapters)->source(),
               "adapter: more than " + std::to_string(kMaxAdapters));
    return;
  }
  std::map<std::string, std::uint64_t> lines;  // of the names
  for (const toml::node& one : *tables) {
    const AdapterTable read = read_adapter(*one.as_table(), report);
    if (!read.name.empty()) {
      const std::uint64_t line = one.source().begin.line;
      const auto [known, is_new] = lines.emplace(read.name, line);
      if (!is_new) {
        report.add(one.source(), "name: the adapter in line " + std::to_string(known->second) +
                                     " is called " + read.name + " already");
      }
    }
    if (read.adapter) config.adapters.push_back(*read.adapter);
  }
}

void read_metrics(const toml::node& node, ServiceConfig& config, ConfigReport& report) {
  const auto text = read_text("metrics", node, kMetricsForms, report);
  if (!text) return;
  const auto parsed = parse_metrics_place(*text);
  if (const auto* const refusal = std::get_if<MetricsRefusal>(&parsed)) {
    report.add(node.source(), shown("metrics", *text) + ": " + refusal->why);
  }
  config.metrics = *text;
}

void read_log_level(const toml::node& node, ServiceConfig& config, ConfigReport& report) {
  constexpr std::array kWords{"debug"sv, "info"sv, "warn"sv, "error"sv};
  constexpr std::string_view kWanted = "one of the strings debug info warn error";
  const auto text = read_text("log-level", node, kWanted, report);
  if (!text) return;
  const auto* const word = std::ranges::find(kWords, *text);
  if (word == kWords.end()) {
    report.add(node.source(), shown("log-level", *text) + ": it must be " + std::string(kWanted));
    return;
  }
  config.log_level = static_cast<log::Level>(word - kWords.begin());
}

void read_drain(const toml::node& node, ServiceConfig& config, ConfigReport& report) {
  constexpr std::string_view kWanted = R"(a duration such as "20s", at most "1h")";
  const auto text = read_text("drain", node, kWanted, report);
  if (!text) return;
  const auto drain = parse_duration(*text);
  if (!drain || *drain > kLongestDrain) {
    report.add(node.source(), shown("drain", *text) + ": it must be " + std::string(kWanted));
    return;
  }
  config.drain = *drain;
}

ServiceConfig read_tables(const toml::table& file, ConfigReport& report) {
  ServiceConfig config;
  for (const auto& [key, node] : file) {
    const std::string_view name = key.str();
    if (name == "metrics") {
      read_metrics(node, config, report);
    } else if (name == "log-level") {
      read_log_level(node, config, report);
    } else if (name == "drain") {
      read_drain(node, config, report);
    } else if (name == "adapter") {
      read_adapters(node, config, report);
    } else {
      report.add(key.source(), unknown_key(name, kServiceKeys));
    }
  }
  return config;
}

// The line of the first byte that is no UTF-8. toml++ decodes 32 bytes ahead of what it reads:
// whether it tells of that byte or of an earlier mistake would depend on how far down both stand.
std::optional<std::uint64_t> line_without_text(std::string_view toml) {
  std::uint64_t line = 1;
  while (!toml.empty()) {
    const Utf8Char next = front_utf8(toml);
    if (next.length == 0) return line;
    if (next.code == U'\n') ++line;
    toml.remove_prefix(next.length);
  }
  return std::nullopt;
}

}  // namespace

ConfigResult parse_service_config(std::string_view toml, const std::string& path) {
  ConfigResult result;
  if (toml.size() > kMaxConfigBytes) {
    result.problems.push_back(
        {1, "larger than " + format_size(static_cast<std::int64_t>(kMaxConfigBytes))});
    return result;
  }
  if (const auto line = line_without_text(toml)) {
    result.problems.push_back({*line, "not UTF-8 text"});
    return result;
  }
  ConfigReport report{path, {}};
  try {
    result.config = read_tables(toml::parse(toml), report);
  } catch (const toml::parse_error& error) {
    report.add(error.source(), error.description());
  }
  result.problems = std::move(report.problems);
  std::ranges::stable_sort(result.problems, {}, &ConfigProblem::line);
  return result;
}

std::optional<std::string> read_service_config(const std::string& path) {
  // It may be a symbolic link, which a Dir does not follow.
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  if (error == std::errc::no_such_file_or_directory) return std::nullopt;
  if (error) throw Error::from_errno(error.value(), "read configuration", path);
  try {
    return read_file(*open_posix_dir(real.parent_path()), real.filename().string(),
                     kMaxConfigBytes);
  } catch (const Error& refused) {
    if (refused.code() != ErrorCode::kBadData) throw;
    throw Error(ErrorCode::kConfiguration, "read configuration", path, refused.why());
  }
}

std::string problem_line(const ConfigProblem& problem, const std::string& path) {
  return path + ":" + std::to_string(problem.line) + ": " + problem.why;
}

}  // namespace spoolmq::cli

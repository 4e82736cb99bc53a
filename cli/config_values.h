#pragma once
// From the values of a TOML table to those that adapters understand, and the words of refusal.
// Private to what reads spoolmq.toml.

#define TOML_HEADER_ONLY 0
#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/adapter_keys.h"
#include "cli/service_config.h"

namespace spoolmq::cli {

// One file's problems, as they are found.
struct ConfigReport {
  std::string path;
  std::vector<ConfigProblem> problems;
  void add(const toml::source_region& where, std::string_view why);
};

// A value and the line it stands in.
struct ConfigValue {
  adapters::KeyValue given;
  std::uint64_t line = 0;
};

// What `node` says for `key`, one per element of an array; of a wrong type: reported, none.
std::vector<ConfigValue> read_values(const adapters::AdapterKey& key, const toml::node& node,
                                     ConfigReport& report);

// nullopt: of another type, which is reported with what would be allowed.
std::optional<std::string> read_text(std::string_view key, const toml::node& node,
                                     std::string_view wanted, ConfigReport& report);
std::optional<bool> read_bool(std::string_view key, const toml::node& node, ConfigReport& report);

// `no key 'incldue'; did you mean include?`, or else all that there are.
std::string unknown_key(std::string_view name, std::span<const std::string_view> allowed);

// `key = "value"`, safe on a terminal and of bounded length.
std::string shown(std::string_view key, std::string_view value);

}  // namespace spoolmq::cli

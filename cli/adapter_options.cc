#include "cli/adapter_options.h"

#include <filesystem>
#include <system_error>

namespace spoolmq::cli {
namespace {

using adapters::AdapterKey;
using adapters::KeyValue;

// A shell's user means the directory they are in; `fold/{date:%Y}` need not be there yet.
std::string from_here(const std::string& path) {
  if (path.empty()) return path;
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path);
  const std::filesystem::path whole = std::filesystem::weakly_canonical(absolute, error);
  return error ? absolute.string() : whole.string();  // whoever opens it says why not
}

// The name of a file is looked at by whoever opens it: where a link has it, that is to be seen.
std::string file_from_here(const std::string& path) {
  if (path.empty()) return path;
  return std::filesystem::absolute(path).lexically_normal().string();
}

std::string meant_value(const AdapterKey& key, const std::string& value) {
  if (key.value_name == "DIR") return from_here(value);
  return key.value_name == "PATH" ? file_from_here(value) : value;
}

}  // namespace

AdapterOptions::AdapterOptions(std::span<const AdapterKey> keys, const OptionSpec& further,
                               std::string_view without) {
  for (const AdapterKey& key : keys) {
    if (key.name == without) continue;
    names_.push_back("--" + std::string(key.name));
    specs_.push_back({names_.back(), key.value_name, key.help,
                      key.times == adapters::KeyTimes::kMany ? Times::kMany : Times::kOnce});
  }
  specs_.push_back(further);
}

std::vector<KeyValue> given_values(std::span<const AdapterKey> keys, const Arguments& arguments) {
  std::vector<KeyValue> given;
  for (const AdapterKey& key : keys) {
    const std::string option = "--" + std::string(key.name);
    for (const std::string& value : arguments.values(option)) {
      if (key.value_name.empty()) {
        given.push_back({std::string(key.name), "true", option});
      } else {
        given.push_back({std::string(key.name), meant_value(key, value), option + " " + value});
      }
    }
  }
  return given;
}

}  // namespace spoolmq::cli

#pragma once
// The keys of an adapter as the options of a command.

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/adapter_keys.h"
#include "cli/command.h"

namespace spoolmq::cli {

// Made once per command, never freed: the tables of commands hold views of it.
class AdapterOptions {
 public:
  // But for the key `without`: that one has another place on the command line.
  AdapterOptions(std::span<const adapters::AdapterKey> keys, const OptionSpec& further,
                 std::string_view without = {});
  [[nodiscard]] std::span<const OptionSpec> specs() const { return specs_; }

 private:
  std::deque<std::string> names_;
  std::vector<OptionSpec> specs_;
};

// What was given of them, in the order of `keys`. A directory is meant from where the user is, and
// need not be there yet.
std::vector<adapters::KeyValue> given_values(std::span<const adapters::AdapterKey> keys,
                                             const Arguments& arguments);

}  // namespace spoolmq::cli

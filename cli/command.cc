#include "cli/command.h"

#include <array>
#include <filesystem>
#include <system_error>

#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr std::array kGlobalOptions = {
    OptionSpec{"--root", "DIR", "the directory that holds all queues (else $SPOOLMQ_ROOT)"},
    OptionSpec{"--json", "", "results as JSON, one object per line"},
    OptionSpec{"--quiet", "", "nothing but errors on stderr"},
    OptionSpec{"--version", "", "prints the version"},
    OptionSpec{"-h,--help", "", "prints what the command does and takes"},
};

Error bad_value(std::string_view option, std::string_view value, std::string_view why) {
  return {ErrorCode::kUsage, "read options", std::string(option) + " " + std::string(value), why};
}

}  // namespace

std::vector<std::string_view> spellings(std::string_view option_name) {
  std::vector<std::string_view> found;
  while (true) {
    const std::size_t comma = option_name.find(',');
    found.push_back(option_name.substr(0, comma));
    if (comma == std::string_view::npos) return found;
    option_name.remove_prefix(comma + 1);
  }
}

std::string_view last_spelling(std::string_view option_name) {
  const std::size_t comma = option_name.rfind(',');
  return comma == std::string_view::npos ? option_name : option_name.substr(comma + 1);
}

std::span<const OptionSpec> global_options() { return kGlobalOptions; }

void Arguments::add(std::string_view option, std::string value) {
  given_.emplace_back(option, std::move(value));
}

bool Arguments::has(std::string_view option) const { return value(option).has_value(); }

std::optional<std::string> Arguments::value(std::string_view option) const {
  for (auto given = given_.rbegin(); given != given_.rend(); ++given) {
    if (given->first == option) return given->second;
  }
  return std::nullopt;
}

std::vector<std::string> Arguments::values(std::string_view option) const {
  std::vector<std::string> found;
  for (const auto& [name, text] : given_) {
    if (name == option) found.push_back(text);
  }
  return found;
}

std::optional<std::chrono::milliseconds> Arguments::duration(std::string_view option) const {
  const std::optional<std::string> text = value(option);
  if (!text) return std::nullopt;
  const std::optional<std::chrono::milliseconds> parsed = parse_duration(*text);
  if (!parsed || *parsed < std::chrono::milliseconds{0}) {
    throw bad_value(option, *text, "not a duration such as 500ms 30s 10m 2h 7d");
  }
  return parsed;
}

std::optional<std::int64_t> Arguments::size(std::string_view option) const {
  const std::optional<std::string> text = value(option);
  if (!text) return std::nullopt;
  const std::optional<std::int64_t> parsed = parse_size(*text);
  if (!parsed || *parsed < 0) throw bad_value(option, *text, "not a size such as 64K 10M 2G");
  return parsed;
}

std::optional<std::int64_t> Arguments::integer(std::string_view option, std::int64_t least,
                                               std::int64_t most) const {
  const std::optional<std::string> text = value(option);
  if (!text) return std::nullopt;
  const std::optional<std::int64_t> parsed = parse_integer(*text);
  if (!parsed || *parsed < least || *parsed > most) {
    throw bad_value(
        option, *text,
        "not a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return parsed;
}

void set_typed_setting(Settings& settings, std::string_view key, std::string_view value) {
  try {
    set_setting(settings, key, value);
  } catch (const Error& error) {
    throw Error(ErrorCode::kUsage, error.operation(), error.subject(), error.why());
  }
}

Root& Context::root() {
  if (root_) return *root_;
  const std::string path = root_path.empty() ? Root::default_path() : root_path;
  std::error_code unknown;
  if (!makes_root && !std::filesystem::exists(path, unknown) && !unknown) {
    throw Error(ErrorCode::kNotFound, "open the root", path,
                "there is none; `spoolmq create` makes it");
  }
  root_ = Root::open(path);
  return *root_;
}

Queue Context::queue(const std::string& name, std::string_view as) {
  OpenOptions options;
  options.name = as;
  options.one_shot = true;
  return root().open_queue(name, options);
}

std::vector<const Command*> commands() {
  std::vector<const Command*> all;
  for (const std::span<const Command> table :
       {queue_commands(), topic_commands(), data_commands(), look_commands(), fix_commands(),
        directory_commands(), bridge_commands(), serve_commands(), adapter_commands(),
        passwd_commands(), health_commands(), backup_commands(), bench_commands()}) {
    for (const Command& command : table) all.push_back(&command);
  }
  return all;
}

}  // namespace spoolmq::cli

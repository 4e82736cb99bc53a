#include "cli/serve_command.h"

#include <unistd.h>

#include <array>
#include <utility>

#include "adapters/activation.h"
#include "cli/command.h"
#include "cli/descriptor_limit.h"
#include "cli/json_output.h"
#include "cli/output.h"
#include "cli/service.h"
#include "cli/table.h"
#include "core/log.h"

namespace spoolmq::cli {
namespace {

constexpr std::string_view kOperation = "read the configuration";

std::string root_path_of(const Context& context) {
  return context.root_path.empty() ? Root::default_path() : context.root_path;
}

ConfigFile config_file(const Context& context, const Arguments& arguments) {
  if (auto given = arguments.value("--config")) return {std::move(*given), true};
  return {root_path_of(context) + "/" + std::string(kServiceConfig), false};
}

void say_problems(const ConfigResult& read, const std::string& path) {
  for (const ConfigProblem& problem : read.problems) {
    say(kOperation, path + ":" + std::to_string(problem.line), problem.why);
  }
}

void print_adapters(const Context& context, const ServiceConfig& config) {
  Table table({{"NAME"}, {"TYPE"}, {"QUEUE"}, {"DIRECTORY"}});
  for (const AdapterConfig& one : config.adapters) {
    if (context.json) {
      print_line({{"name", one.name},
                  {"type", one.type},
                  {"queue", queue_of(one.settings)},
                  {"directory", directory_of(one.settings)}});
    } else {
      table.add({one.name, one.type, queue_of(one.settings), directory_of(one.settings)});
    }
  }
  write_out(table.take());
}

int run_serve(Context& context, const Arguments& arguments) {
  adapters::adopt_activation_sockets();
  ConfigFile file = config_file(context, arguments);
  ConfigResult read = read_config_file(file);
  if (!read.problems.empty()) {
    say_problems(read, file.path);
    return static_cast<int>(ErrorCode::kConfiguration);
  }
  if (arguments.has("--check")) {
    print_adapters(context, read.config);
    return kDone;
  }
  block_service_signals();
  raise_descriptor_limit();
  Service::Parts parts;
  parts.notifier = Notifier::from_environment();
  const SystemClock clock;
  const std::unique_ptr<Dir> directory = open_posix_dir(context.root().path());
  ServiceLock lock(*directory, clock);
  parts.root = &context.root();
  parts.run_directory = &lock.run_directory();
  parts.clock = &clock;
  if (context.quiet) parts.log_level = log::Level::kError;
  // What was there once is not taken for meant to be missing.
  file.must_exist = file.must_exist || ::access(file.path.c_str(), F_OK) == 0;
  parts.read_config = [&file] {
    ServiceConfig config = usable_config(file);
    file.must_exist = file.must_exist || ::access(file.path.c_str(), F_OK) == 0;
    return config;
  };
  if (!file.must_exist) {
    log::set_level(context.quiet ? log::Level::kError : log::Level::kInfo);
    log::info("no configuration: queues are swept, nothing else", {{"looked-at", file.path}});
  }
  Service service(std::move(parts), std::move(read.config));
  if (service.run() == ServiceEnd::kHung) ::_exit(kDone);  // joining its threads would never end
  return kDone;
}

constexpr std::array kServeOptions = {
    OptionSpec{"--config", "FILE", "instead of spoolmq.toml in the root"},
    OptionSpec{"--check", "", "reads the configuration, says what is wrong with it, and ends"},
};

constexpr std::array kServe = {
    Command{"service", "serve", "", 0, 0, false,
            "runs the adapters of spoolmq.toml, sweeps the queues, shows metrics",
            "spoolmq serve --check", kServeOptions, run_serve, kMakesRoot},
};

}  // namespace

ConfigResult read_config_file(const ConfigFile& file) {
  const std::optional<std::string> text = read_service_config(file.path);
  if (text) return parse_service_config(*text, file.path);
  if (file.must_exist) {
    throw Error(ErrorCode::kConfiguration, kOperation, file.path, "there is no such file");
  }
  return {};
}

ServiceConfig usable_config(const ConfigFile& file) {
  ConfigResult read = read_config_file(file);
  if (read.problems.empty()) return std::move(read.config);
  const ConfigProblem& first = read.problems.front();
  std::string why = first.why;
  if (const std::size_t more = read.problems.size() - 1; more > 0) {
    why += " (and " + std::to_string(more) + " more: serve --check lists them)";
  }
  throw Error(ErrorCode::kConfiguration, kOperation, file.path + ":" + std::to_string(first.line),
              why);
}

std::span<const Command> serve_commands() { return kServe; }

}  // namespace spoolmq::cli

#pragma once
// What a command is: a row of a table. The table feeds the parser, --help and shell completion;
// nothing else knows what commands there are. Only parse.cc includes CLI11.
//
// A command's run function returns its exit code or throws Error; main turns an Error into one line
// on stderr and the exit code. Results go to stdout, words to stderr.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spoolmq/queue.h"

namespace spoolmq::cli {

// Exit codes that are not an Error's (DESIGN: 0 done, 1 nothing there, 2 partly done).
inline constexpr int kDone = 0;
inline constexpr int kNothing = 1;
inline constexpr int kPartly = 2;

enum class Times : std::uint8_t { kOnce, kMany };

struct OptionSpec {
  std::string_view name;        // "--priority", or "-n" / "-f,--file"
  std::string_view value_name;  // "N"; empty: a flag
  std::string_view help;
  Times times = Times::kOnce;
};

// "-f" and "--file" of "-f,--file"; the last one is the option's name in Arguments.
std::vector<std::string_view> spellings(std::string_view option_name);
std::string_view last_spelling(std::string_view option_name);

// --root --json --quiet --version --help: before or behind the command's name.
std::span<const OptionSpec> global_options();

class Arguments {
 public:
  std::string_view command;           // its name
  std::vector<std::string> operands;  // in order, options taken out
  std::vector<std::string> trailing;  // behind "--"
  // By the option's last spelling ("--file" of "-f,--file").
  void add(std::string_view option, std::string value);
  [[nodiscard]] bool has(std::string_view option) const;
  [[nodiscard]] std::optional<std::string> value(std::string_view option) const;  // the last one
  [[nodiscard]] std::vector<std::string> values(std::string_view option) const;
  // Parsed, or Error(kUsage) naming option and value.
  [[nodiscard]] std::optional<std::chrono::milliseconds> duration(std::string_view option) const;
  [[nodiscard]] std::optional<std::int64_t> size(std::string_view option) const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view option, std::int64_t least,
                                                    std::int64_t most) const;

 private:
  std::vector<std::pair<std::string, std::string>> given_;
};

// set_setting for what was typed on a command line: a bad value is Error(kUsage) too.
void set_typed_setting(Settings& settings, std::string_view key, std::string_view value);

// What every command shares. The root is opened when first asked for.
class Context {
 public:
  std::string root_path;
  bool json = false;
  bool quiet = false;
  bool makes_root = false;  // where it is missing; or else a mistyped one is refused

  // Error(kNotFound) where there is none.
  Root& root();
  // Opens a queue as a short-lived command does. Error(kNotFound) where there is none.
  Queue queue(const std::string& name, std::string_view as = {});

 private:
  std::optional<Root> root_;
};

inline constexpr bool kMakesRoot = true;  // of a command that may be the first to use a root

struct Command {
  std::string_view
      group;  // "queues" "topics" "data" "look" "fix" "directories" "bridges" "service" "health"
  std::string_view name;
  std::string_view operands;  // as help shows them: "Q [BODY]"
  std::size_t least_operands;
  std::size_t most_operands;
  bool takes_trailing;       // "-- COMMAND…"
  std::string_view summary;  // one line
  std::string_view example;  // one or two complete command lines
  std::span<const OptionSpec> options;
  int (*run)(Context& context, const Arguments& arguments);
  bool makes_root = false;
};

// The tables, one per file of commands; commands() joins them in the order of --help.
std::span<const Command> queue_commands();      // create queues show config remove pause resume
std::span<const Command> topic_commands();      // bind unbind topics
std::span<const Command> data_commands();       // send receive … consume request reply
std::span<const Command> look_commands();       // list peek cat info … why tail trace
std::span<const Command> fix_commands();        // requeue move copy delete hold unhold revoke purge
std::span<const Command> directory_commands();  // import export
std::span<const Command> bridge_commands();     // one per row of adapters/bridge_kinds.h
std::span<const Command> serve_commands();      // serve
std::span<const Command> adapter_commands();    // adapters
std::span<const Command> passwd_commands();     // passwd
std::span<const Command> health_commands();     // fsck completion
std::span<const Command> backup_commands();     // backup restore
std::span<const Command> bench_commands();      // bench
std::vector<const Command*> commands();

struct Parsed {
  Context context;
  const Command* command = nullptr;  // null: `help` or `version` was asked for, `text` is it
  Arguments arguments;
  std::string text;
};
// The arguments behind the program's name. Throws Error(kUsage).
Parsed parse(std::span<const char* const> arguments);

}  // namespace spoolmq::cli

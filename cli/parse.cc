// From arguments to a Parsed, through one CLI11 parser made from the tables. The command's name is
// found first, and only that command's options are handed to the parser: a queue or a body may be
// called like a command, and starting up stays cheap.

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/command.h"
#include "cli/help.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

using Options = std::vector<const OptionSpec*>;

Error usage(std::string_view operation, std::string_view subject, std::string_view why) {
  return {ErrorCode::kUsage, operation, subject, why};
}

void add_options(Options& options, std::span<const OptionSpec> specs) {
  for (const OptionSpec& spec : specs) options.push_back(&spec);
}

const OptionSpec* find_option(const Options& options, std::string_view spelling) {
  for (const OptionSpec* option : options) {
    for (const std::string_view known : spellings(option->name)) {
      if (known == spelling) return option;
    }
  }
  return nullptr;
}

const Command* find_command(std::string_view name) {
  for (const Command* command : commands()) {
    if (command->name == name) return command;
  }
  throw usage("run", name, "no such command; `spoolmq --help` lists them");
}

// Walks the arguments once: finds the command's name, copies what the parser is to see (with
// --name=value as two arguments, so that an empty value stays one), and what stands behind "--".
class Walk {
 public:
  explicit Walk(std::span<const char* const> arguments) : arguments_(arguments) {
    add_options(options, global_options());
    while (next_ < arguments_.size()) step();
  }

  const Command* command = nullptr;
  std::string word;  // the command's name as given; also `help` and `version`
  Options options;
  std::vector<std::string> seen;
  std::vector<std::string> behind;

 private:
  void step() {
    const std::string_view argument = arguments_[next_++];
    if (argument == "--") {
      while (next_ < arguments_.size()) behind.emplace_back(arguments_[next_++]);
    } else if (argument.size() > 1 && argument.front() == '-') {
      option(argument);
    } else if (word.empty()) {
      name_command(argument);
    } else {
      seen.emplace_back(argument);
    }
  }

  void name_command(std::string_view name) {
    if (name.empty()) throw usage("run", "''", "a command has a name");
    word = name;
    if (word == "help" || word == "version") return;
    command = find_command(word);
    add_options(options, command->options);
  }

  void option(std::string_view argument) {
    const bool is_long = argument.starts_with("--");
    const std::size_t equals = is_long ? argument.find('=') : std::string_view::npos;
    const std::string_view spelling = argument.substr(0, equals);
    seen.emplace_back(spelling);
    const OptionSpec* option = find_option(options, spelling);
    if (option == nullptr) {
      if (equals != std::string_view::npos) seen.back() = argument;
      return;  // short ones with their value attached, negative numbers, and mistakes
    }
    if (option->value_name.empty()) {
      if (equals != std::string_view::npos) throw usage(tried(), spelling, "takes no value");
    } else if (equals != std::string_view::npos) {
      seen.emplace_back(argument.substr(equals + 1));
    } else if (next_ < arguments_.size()) {
      seen.emplace_back(arguments_[next_++]);
    } else {
      throw usage(tried(), spelling, "needs a value: " + std::string(option->value_name));
    }
  }

  [[nodiscard]] std::string_view tried() const {
    return word.empty() ? std::string_view("run") : word;
  }

  std::span<const char* const> arguments_;
  std::size_t next_ = 0;
};

void declare(CLI::App& app, const OptionSpec& spec, std::string_view tried, Arguments& arguments) {
  const std::string_view name = last_spelling(spec.name);
  CLI::Option* option = app.add_option(
      std::string(spec.name), [&arguments, &spec, name, tried](const CLI::results_t& results) {
        if (spec.times == Times::kOnce && !spec.value_name.empty() && results.size() > 1) {
          throw usage(tried, name, "given more than once");
        }
        for (const std::string& result : results) arguments.add(name, result);
        return true;
      });
  option->type_size(spec.value_name.empty() ? 0 : 1);
  option->expected(spec.value_name.empty() ? 0 : 1);
  option->allow_extra_args(false);
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

bool is_negative_number(std::string_view text) {
  return text.size() > 1 && text[0] == '-' && text[1] >= '0' && text[1] <= '9';
}

// Fills options and operands.
void run_parser(const Walk& walk, std::string_view tried, Arguments& arguments) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  for (const OptionSpec* option : walk.options) declare(app, *option, tried, arguments);
  std::vector<std::string> reversed(walk.seen.rbegin(), walk.seen.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    throw usage(tried, "options", error.what());
  }
  for (std::string& operand : app.remaining()) {
    if (operand.size() > 1 && operand.front() == '-' && !is_negative_number(operand)) {
      throw usage(tried, operand, "no such option; an operand like that goes behind --");
    }
    arguments.operands.push_back(std::move(operand));
  }
}

void place_behind(const Walk& walk, const Command& command, Arguments& arguments) {
  if (command.takes_trailing) {
    arguments.trailing = walk.behind;
    if (arguments.trailing.empty()) throw usage(command.name, "--", "needs -- COMMAND…");
  } else {
    arguments.operands.insert(arguments.operands.end(), walk.behind.begin(), walk.behind.end());
  }
  if (arguments.operands.size() < command.least_operands) {
    throw usage(command.name, "operands", "needs " + std::string(command.operands));
  }
  if (arguments.operands.size() > command.most_operands) {
    throw usage(command.name, arguments.operands[command.most_operands],
                "too many operands, takes " +
                    (command.operands.empty() ? "none" : std::string(command.operands)));
  }
}

std::string help_of(const Walk& walk, const Arguments& arguments) {
  if (walk.word == "version") return version_line();
  if (walk.command != nullptr) return command_help(*walk.command);
  if (arguments.operands.empty()) return overview();
  return command_help(*find_command(arguments.operands.front()));
}

}  // namespace

Parsed parse(std::span<const char* const> arguments) {
  const Walk walk(arguments);
  Parsed parsed;
  run_parser(walk, walk.word.empty() ? "run" : std::string_view(walk.word), parsed.arguments);
  const Arguments& given = parsed.arguments;
  parsed.context.root_path = given.value("--root").value_or("");
  parsed.context.json = given.has("--json");
  parsed.context.quiet = given.has("--quiet");
  if (given.has("--root") && parsed.context.root_path.empty()) {
    throw usage("run", "--root", "needs a directory");
  }
  if (given.has("--version")) {
    parsed.text = version_line();
  } else if (given.has("--help") || walk.word == "help" || walk.word == "version") {
    parsed.text = help_of(walk, given);
  } else if (walk.command == nullptr) {
    throw usage("run", "spoolmq", "no command given; `spoolmq --help` lists them");
  } else {
    place_behind(walk, *walk.command, parsed.arguments);
    parsed.command = walk.command;
    parsed.arguments.command = walk.command->name;
  }
  return parsed;
}

}  // namespace spoolmq::cli

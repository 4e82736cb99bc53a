#include "cli/help.h"

#include <algorithm>

#include "cli/table.h"

namespace spoolmq::cli {
namespace {

// Two columns; `rows` are left and right texts.
using Rows = std::vector<std::pair<std::string, std::string>>;

void append_rows(std::string& text, const Rows& rows) {
  std::size_t width = 0;
  for (const auto& [left, right] : rows) width = std::max(width, code_points(left));
  for (const auto& [left, right] : rows) {
    text.append("  ")
        .append(left)
        .append(width - code_points(left) + 2, ' ')
        .append(right)
        .append("\n");
  }
}

Rows option_rows(std::span<const OptionSpec> options) {
  Rows rows;
  for (const OptionSpec& option : options) {
    std::string left;
    for (const std::string_view spelling : spellings(option.name)) {
      if (!left.empty()) left += ", ";
      left += spelling;
    }
    if (!option.value_name.empty()) left.append(" ").append(option.value_name);
    if (option.times == Times::kMany) left += " …";
    rows.emplace_back(std::move(left), option.help);
  }
  return rows;
}

void append_indented(std::string& text, std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    text.append("  ").append(lines.substr(0, end)).append("\n");
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
}

}  // namespace

std::string overview() {
  std::string text =
      "usage: spoolmq [--root DIR] [--json] [--quiet] COMMAND …\n"
      "Persistent messaging whose queues are directories.\n";
  std::string_view group;
  Rows rows;
  for (const Command* command : commands()) {
    if (command->group != group) {
      append_rows(text, rows);
      rows.clear();
      group = command->group;
      text.append("\n").append(group).append(":\n");
    }
    rows.emplace_back(std::string(command->name) + " " + std::string(command->operands),
                      command->summary);
  }
  append_rows(text, rows);
  text += "\nglobal options:\n";
  append_rows(text, option_rows(global_options()));
  text += "\n`spoolmq COMMAND --help` tells what a command takes.\n";
  return text;
}

std::string command_help(const Command& command) {
  std::string text = "usage: spoolmq ";
  text += command.name;
  if (!command.operands.empty()) text.append(" ").append(command.operands);
  if (!command.options.empty()) text += " [options]";
  if (command.takes_trailing) text += " -- COMMAND…";
  text.append("\n").append(command.summary).append("\n");
  if (!command.options.empty()) {
    text += "\noptions:\n";
    append_rows(text, option_rows(command.options));
  }
  text += "\nglobal options:\n";
  append_rows(text, option_rows(global_options()));
  if (!command.example.empty()) {
    text += "\nexample:\n";
    append_indented(text, command.example);
  }
  return text;
}

std::string version_line() { return "spoolmq " SPOOLMQ_VERSION "\n"; }

}  // namespace spoolmq::cli

#include "cli/completion.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace spoolmq::cli {
namespace {

constexpr std::string_view kQueues = "@queues";
constexpr std::string_view kDirectories = "@directories";
constexpr std::string_view kFiles = "@files";
constexpr std::string_view kQueuesAndFiles = "@queues-and-files";

// Reads the line up to the cursor: which command, which operand or which option's value is being
// typed. The two functions before it in the script answer from the tables.
constexpr std::string_view kFrame = R"script(
_spoolmq_offer() {
  case $1 in
    '') COMPREPLY=() ;;
    @queues)
      mapfile -t COMPREPLY < <(compgen -W "$(spoolmq "${root[@]}" queues --quiet 2>/dev/null)" \
        -- "$current") ;;
    @directories)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    @files)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    @queues-and-files)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -W "$(spoolmq "${root[@]}" queues --quiet 2>/dev/null)" \
        -- "$current"; compgen -f -- "$current") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current") ;;
  esac
}

_spoolmq() {
  local current=${COMP_WORDS[COMP_CWORD]} command='' option='' options='' valued='' kind=''
  local -i index operand=0
  local -a root=() kinds=()
  [[ $current == = ]] && current=''
  _spoolmq_command ''
  for ((index = 1; index < COMP_CWORD; index++)); do
    option=${COMP_WORDS[index]}
    if [[ $option == -- ]]; then
      _spoolmq_offer @files
      return
    elif [[ $option == -?* ]]; then
      [[ $valued == *" $option "* ]] || continue
      [[ ${COMP_WORDS[index + 1]} == = ]] && index+=1
      index+=1
      [[ $option == --root ]] && root=(--root "${COMP_WORDS[index]}")
    elif [[ -z $command ]]; then
      command=$option
      _spoolmq_command "$command"
    else
      operand+=1
    fi
  done
  if ((index > COMP_CWORD)); then
    _spoolmq_value "$command" "$option"
    _spoolmq_offer "$kind"
  elif [[ $current == -* || ( -n $command && ${#kinds[@]} -eq 0 ) ]]; then
    _spoolmq_offer "$options"
  else
    ((operand >= ${#kinds[@]})) && operand=${#kinds[@]}-1
    _spoolmq_offer "${kinds[operand]}"
  fi
}

complete -F _spoolmq spoolmq
)script";

void append_word(std::string& words, std::string_view word) {
  if (!words.empty()) words.push_back(' ');
  words.append(word);
}

bool is_lower_case(std::string_view text) {
  return !text.empty() &&
         std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::string state_words() {
  std::string words;
  for (std::size_t i = 0; i < kStateCount; ++i) {
    append_word(words, state_name(static_cast<State>(i)));
  }
  return words;
}

// What may stand where help shows `name`: a kind, words to choose from, or nothing.
std::string kind_of(std::string_view name) {
  if (name == "Q" || name == "Q2") return std::string(kQueues);
  if (name == "DIR" || name == "DEST") return std::string(kDirectories);
  if (name == "FILE" || name == "SRC") return std::string(kFiles);
  if (name == "Q|FILE") return std::string(kQueuesAndFiles);
  if (name == "SEL" || name == "ALL") return "ALL";
  // What is in capitals stands for something else: "lines|xml:PATH|csv" has two words.
  std::string words;
  while (!name.empty()) {
    const std::string_view word = name.substr(0, name.find('|'));
    if (is_lower_case(word)) append_word(words, word);
    name.remove_prefix(std::min(word.size() + 1, name.size()));
  }
  return words;
}

std::string kind_of(const OptionSpec& option) {
  return option.name == "--state" ? state_words() : kind_of(option.value_name);
}

// The names in "Q [BODY]" or "Q RECEIPT…", without what is around them.
std::vector<std::string> operand_names(std::string_view operands) {
  std::vector<std::string> names;
  std::string name;
  for (const char c : operands) {
    const bool belongs =
        (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '|';
    if (belongs) {
      name.push_back(c);
    } else if (c == ' ') {
      names.push_back(std::exchange(name, {}));
    }
  }
  if (!name.empty()) names.push_back(name);
  return names;
}

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

// One arm of the case in _spoolmq_command: sets options, valued and kinds.
std::string command_arm(std::string_view name, std::span<const OptionSpec> own,
                        std::span<const OptionSpec> global, const std::vector<std::string>& kinds) {
  std::string options;
  std::string valued = " ";
  for (const std::span<const OptionSpec> specs : {own, global}) {
    for (const OptionSpec& option : specs) {
      for (const std::string_view spelling : spellings(option.name)) {
        append_word(options, spelling);
        if (!option.value_name.empty()) valued.append(spelling).append(" ");
      }
    }
  }
  std::string arm = "    " + in_quotes(name) + ") options=" + in_quotes(options);
  arm.append(" valued=").append(in_quotes(valued)).append(" kinds=(");
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    arm.append(i == 0 ? "" : " ").append(in_quotes(kinds[i]));
  }
  return arm + ") ;;\n";
}

// The arms of the case in _spoolmq_value: options that have words to choose from.
std::string value_arms(std::string_view command, std::span<const OptionSpec> options) {
  std::string arms;
  for (const OptionSpec& option : options) {
    const std::string kind = kind_of(option);
    if (option.value_name.empty() || kind.empty()) continue;
    for (const std::string_view spelling : spellings(option.name)) {
      const std::string key = std::string(command) + " " + std::string(spelling);
      arms.append("    ").append(command == "*" ? "*' " + std::string(spelling) + "'"
                                                : in_quotes(key));
      arms.append(") kind=").append(in_quotes(kind)).append(" ;;\n");
    }
  }
  return arms;
}

}  // namespace

std::string bash_completion(std::span<const Command* const> commands,
                            std::span<const OptionSpec> global) {
  std::string names;
  for (const Command* command : commands) append_word(names, command->name);

  std::string script = "# bash completion for spoolmq, made by `spoolmq completion bash`\n\n";
  script.append("_spoolmq_command() {\n  case $1 in\n");
  script.append(command_arm("", {}, global, {names}));
  for (const Command* command : commands) {
    std::vector<std::string> kinds;
    for (const std::string& name : operand_names(command->operands)) kinds.push_back(kind_of(name));
    script.append(command_arm(command->name, command->options, global, kinds));
  }
  script.append("    *) options='' valued=' ' kinds=('') ;;\n");
  script.append("  esac\n}\n\n_spoolmq_value() {\n  kind=''\n  case \"$1 $2\" in\n");
  for (const Command* command : commands) {
    script.append(value_arms(command->name, command->options));
  }
  script.append(value_arms("*", global)).append("  esac\n}\n").append(kFrame);
  return script;
}

}  // namespace spoolmq::cli

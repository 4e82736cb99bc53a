#pragma once
// What is said about a program that an adapter runs, whatever it runs it for: its words, as whom,
// with which environment, within which limits. A plain value, and the rows of the keys that all
// such adapters have: Settings has a member `program`.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/key_table.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

struct ProgramSettings {
  std::vector<std::string> words;             // the program, looked up in $PATH, and its arguments
  std::string user;                           // name or number; empty: ours
  std::string group;                          // likewise; empty: the user's
  std::vector<std::string> environment;       // NAME=VALUE, beside or instead of ours
  bool clean_environment = false;             // another user's always is
  std::optional<std::uint64_t> memory_bytes;  // of address space
  std::optional<std::uint64_t> cpu_seconds;   // of one process
  bool operator==(const ProgramSettings&) const = default;
};

// Each throws bad_value.
void read_word(ProgramSettings& program, const KeyValue& given);
void read_user(std::string& name, const KeyValue& given);
void read_variable(ProgramSettings& program, const KeyValue& given);
void read_memory(ProgramSettings& program, const KeyValue& given);
void read_cpu_time(ProgramSettings& program, const KeyValue& given);

std::string parse_queue(const KeyValue& given);
Milliseconds parse_timeout(const KeyValue& given);  // more than 0
std::size_t parse_most_bytes(const KeyValue& given, std::uint64_t most);

// That there is a command, and that it is an array. Throws Error(kUsage).
void check_program(const ProgramSettings& program, std::span<const KeyValue> given,
                   std::string_view type);

// The words, a blank between them: for people.
std::string command_text(const std::vector<std::string>& words);

template <typename Settings>
constexpr auto program_rows() {
  using Row = KeyRow<Settings>;
  return std::to_array<Row>({
      {{"command", "WORD", "the program and its arguments, an array", KeyTimes::kMany},
       [](Settings& to, const KeyValue& given) { read_word(to.program, given); }},
      {{"user", "NAME", "run it as that user, with a clean environment (needs privileges)"},
       [](Settings& to, const KeyValue& given) { read_user(to.program.user, given); }},
      {{"group", "NAME", "run it with that group (default: the user's groups)"},
       [](Settings& to, const KeyValue& given) { read_user(to.program.group, given); }},
      {{"environment", "NAME=VALUE", "one variable more of its environment", KeyTimes::kMany},
       [](Settings& to, const KeyValue& given) { read_variable(to.program, given); }},
      {{"clean-environment", "", "it gets PATH, HOME, USER, LOGNAME, SHELL and what is named only"},
       [](Settings& to, const KeyValue& given) {
         to.program.clean_environment = parse_flag(given);
       }},
      {{"memory", "SIZE", "limit of its address space (RLIMIT_AS)"},
       [](Settings& to, const KeyValue& given) { read_memory(to.program, given); }},
      {{"cpu-time", "D", "limit of a process's CPU time, in whole seconds (RLIMIT_CPU)"},
       [](Settings& to, const KeyValue& given) { read_cpu_time(to.program, given); }},
  });
}

template <typename Row, std::size_t kFirst, std::size_t kSecond>
constexpr std::array<Row, kFirst + kSecond> joined(const std::array<Row, kFirst>& first,
                                                   const std::array<Row, kSecond>& second) {
  std::array<Row, kFirst + kSecond> rows{};
  std::ranges::copy(first, rows.begin());
  std::ranges::copy(second, rows.begin() + kFirst);
  return rows;
}

}  // namespace spoolmq::adapters

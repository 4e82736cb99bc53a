#include "adapters/program_settings.h"

#include <algorithm>

#include "core/names.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kCommand = "command";
constexpr std::uint64_t kLeastMemoryBytes = 1 << 20;
constexpr std::size_t kMostNameBytes = 32;  // useradd(8)

void refuse_nul(const KeyValue& given) {
  if (given.value.find('\0') != std::string::npos) throw bad_value(given, "there is a NUL in it");
}

}  // namespace

void read_word(ProgramSettings& program, const KeyValue& given) {
  refuse_nul(given);
  program.words.push_back(given.value);
}

void read_user(std::string& name, const KeyValue& given) {
  refuse_nul(given);
  // Also keeps it from being an option of setpriv(1).
  if (given.value.empty() || given.value.front() == '-' || given.value.size() > kMostNameBytes) {
    throw bad_value(given, "it must be a name or a number");
  }
  name = given.value;
}

void read_variable(ProgramSettings& program, const KeyValue& given) {
  refuse_nul(given);
  const std::size_t equals = given.value.find('=');
  if (equals == std::string::npos || equals == 0) throw bad_value(given, "it must be NAME=VALUE");
  program.environment.push_back(given.value);
}

void read_memory(ProgramSettings& program, const KeyValue& given) {
  program.memory_bytes = parse_bytes(given);
  if (*program.memory_bytes < kLeastMemoryBytes) throw bad_value(given, "it must be 1M or more");
}

void read_cpu_time(ProgramSettings& program, const KeyValue& given) {
  const std::int64_t milliseconds = parse_duration_ms(given);
  if (milliseconds < 1000) throw bad_value(given, "it must be 1s or more");
  program.cpu_seconds = static_cast<std::uint64_t>((milliseconds + 999) / 1000);
}

std::string parse_queue(const KeyValue& given) {
  if (const auto why = names::refuse_queue_name(given.value)) throw bad_value(given, *why);
  return given.value;
}

Milliseconds parse_timeout(const KeyValue& given) {
  const Milliseconds timeout{parse_duration_ms(given)};
  if (timeout.count() <= 0) throw bad_value(given, "it must be more than 0");
  return timeout;
}

std::size_t parse_most_bytes(const KeyValue& given, std::uint64_t most) {
  const std::uint64_t bytes = parse_bytes(given);
  if (bytes == 0 || bytes > most) {
    throw bad_value(given, "it must be from 1 to " + std::to_string(most));
  }
  return bytes;
}

void check_program(const ProgramSettings& program, std::span<const KeyValue> given,
                   std::string_view type) {
  const KeyValue& first = required_value(given, kCommand, type);
  const std::string& word = program.words.front();
  if (word.empty()) throw bad_value(first, "a program and its arguments are needed");
  if (program.words.size() == 1 && word.find(' ') != std::string::npos) {
    throw bad_value(first, R"(it must be an array of words such as ["jq", "-c", "."])");
  }
}

std::string command_text(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

}  // namespace spoolmq::adapters

#include "adapters/message_environment.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "core/units.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kHeaderPrefix = "SPOOLMQ_H_";
constexpr std::array<std::string_view, 5> kVariables = {
    "SPOOLMQ_ID=", "SPOOLMQ_QUEUE=", "SPOOLMQ_DELIVERIES=", "SPOOLMQ_SENT_AT=", "SPOOLMQ_FROM="};

bool is_ours(std::string_view variable) {
  return variable.starts_with(kHeaderPrefix) ||
         std::any_of(kVariables.begin(), kVariables.end(),
                     [variable](std::string_view ours) { return variable.starts_with(ours); });
}

bool fits(std::string_view value) {
  return value.size() <= kMaxVariableBytes && value.find('\0') == std::string_view::npos;
}

void add(std::vector<std::string>& variables, std::string_view name, std::string_view value) {
  if (fits(value)) variables.emplace_back(name).append(value);
}

}  // namespace

std::string header_variable(std::string_view header_name) {
  std::string variable(kHeaderPrefix);
  for (const char c : header_name) {
    const bool lower = c >= 'a' && c <= 'z';
    const bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    variable += lower ? static_cast<char>(c - 'a' + 'A') : (kept ? c : '_');
  }
  return variable;
}

std::vector<std::string> message_environment(std::span<const std::string> base,
                                             std::string_view queue, const Message& message,
                                             std::int64_t deliveries) {
  std::vector<std::string> variables;
  for (const std::string& variable : base) {
    if (!is_ours(variable)) variables.push_back(variable);
  }
  add(variables, kVariables[0], message.id.text());
  add(variables, kVariables[1], queue);
  add(variables, kVariables[2], std::to_string(deliveries));
  add(variables, kVariables[3], format_time(message.sent_at_ms));
  add(variables, kVariables[4], message.from.name);
  std::size_t total = 0;
  std::set<std::string> seen;
  for (const auto& [name, value] : message.headers) {
    const std::string variable = header_variable(name);
    if (!fits(value) || !seen.insert(variable).second) continue;
    total += variable.size() + value.size() + 2;
    if (total > kMaxHeaderVariablesBytes) break;
    add(variables, variable + "=", value);
  }
  return variables;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> variables;
  for (char** variable = ::environ; variable != nullptr && *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  return variables;
}

}  // namespace spoolmq::adapters

// spoolmq.toml as a whole: never an exception, every mistake a line that is safe on a terminal, and
// what was read is read again as the same, a line further down.

#include <algorithm>
#include <set>

#include "cli/service_config.h"
#include "core/names.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {
namespace {

using cli::ConfigProblem;
using cli::ConfigResult;

bool is_safe(std::string_view text) {
  return std::ranges::none_of(text, [](char one) {
    const auto byte = static_cast<unsigned char>(one);
    return byte < 0x20 || byte == 0x7f;
  });
}

void check(const ConfigResult& read) {
  std::uint64_t last = 0;
  for (const ConfigProblem& problem : read.problems) {
    SPOOLMQ_CHECK(problem.line >= std::max<std::uint64_t>(last, 1));
    last = problem.line;
    SPOOLMQ_CHECK(!problem.why.empty() && is_safe(problem.why));
  }
  if (!read.problems.empty()) return;
  std::set<std::string> names;
  for (const cli::AdapterConfig& one : read.config.adapters) {
    SPOOLMQ_CHECK(!names::refuse_queue_name(one.name) && names.insert(one.name).second);
    SPOOLMQ_CHECK(cli::find_adapter_kind(one.type) != nullptr && !one.fingerprint.empty());
  }
  SPOOLMQ_CHECK(read.config.adapters.size() <= cli::kMaxAdapters);
  SPOOLMQ_CHECK(read.config.drain.count() >= 0 && read.config.drain <= std::chrono::hours{1});
}

}  // namespace

void configuration(std::string_view input) {
  const ConfigResult read = cli::parse_service_config(input, "spoolmq.toml");
  check(read);
  const ConfigResult lower =
      cli::parse_service_config("# a comment\n" + std::string(input), "spoolmq.toml");
  check(lower);
  // A byte order mark is one in front of everything only.
  if (input.starts_with("\xef\xbb\xbf")) return;
  SPOOLMQ_CHECK(std::ranges::equal(
      read.problems, lower.problems,
      [](const ConfigProblem& a, const ConfigProblem& b) { return a.line + 1 == b.line; }));
  SPOOLMQ_CHECK(std::ranges::equal(read.config.adapters, lower.config.adapters,
                                   [](const cli::AdapterConfig& a, const cli::AdapterConfig& b) {
                                     return a.name == b.name && a.fingerprint == b.fingerprint &&
                                            a.line + 1 == b.line;
                                   }));
}

}  // namespace spoolmq::fuzz

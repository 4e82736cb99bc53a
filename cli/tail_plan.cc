#include "cli/tail_plan.h"

#include <array>
#include <string_view>

#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr std::int64_t kMostMessages = 1'000'000;
constexpr std::array<std::string_view, 3> kBeginnings{"-n", "--after", "--from"};

Error usage(std::string_view subject, std::string_view why) {
  return {ErrorCode::kUsage, "tail", subject, why};
}

void refuse_two_beginnings(const Arguments& arguments) {
  std::string_view first;
  for (const std::string_view option : kBeginnings) {
    if (!arguments.has(option)) continue;
    if (!first.empty()) {
      throw usage(option, "contradicts " + std::string(first) + ": it begins in one place");
    }
    first = option;
  }
}

TailPlan::Begin read_from(const std::string& word) {
  if (word == "now") return TailPlan::Begin::kNow;
  if (word == "oldest") return TailPlan::Begin::kOldest;
  throw usage("--from " + word, "not one of now oldest");
}

}  // namespace

TailPlan read_tail_plan(const Context& context, const Arguments& arguments) {
  refuse_two_beginnings(arguments);
  TailPlan plan;
  plan.follow = arguments.has("--follow");
  plan.null = arguments.has("--null");
  plan.timeout = arguments.duration("--timeout");
  if (const auto count = arguments.integer("-n", plan.follow ? 0 : 1, kMostMessages)) {
    plan.count = static_cast<std::size_t>(*count);
    if (plan.count == 0) plan.begin = TailPlan::Begin::kNow;
  }
  if (const auto word = arguments.value("--from")) plan.begin = read_from(*word);
  if (const auto id = arguments.value("--after")) {
    plan.begin = TailPlan::Begin::kAfter;
    plan.after = *id;
  }
  if (!plan.follow && plan.begin == TailPlan::Begin::kNow) {
    throw usage("--from now", "shows nothing without --follow");
  }
  if (!plan.follow && plan.timeout) throw usage("--timeout", "needs --follow");
  if (plan.null && context.json) throw usage("--null", "contradicts --json");
  return plan;
}

}  // namespace spoolmq::cli

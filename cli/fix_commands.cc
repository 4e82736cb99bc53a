#include "cli/fix_commands.h"

#include <array>
#include <limits>
#include <string>
#include <utility>

#include "cli/pace.h"
#include "cli/selection.h"

namespace spoolmq::cli {
namespace {

using Ids = std::span<const MessageId>;

constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

std::vector<State> all_but(std::initializer_list<State> excluded) {
  std::vector<State> states;
  for (std::size_t i = 0; i < kStateCount; ++i) {
    const auto state = static_cast<State>(i);
    bool wanted = true;
    for (const State one : excluded) wanted = wanted && one != state;
    if (wanted) states.push_back(state);
  }
  return states;
}

int run_requeue(Context& context, const Arguments& arguments) {
  std::optional<std::int64_t> rate;
  if (const auto text = arguments.value("--rate")) {
    rate = parse_rate(*text);
    if (!rate) {
      throw Error(ErrorCode::kUsage, "read options", "--rate " + *text, "not a rate such as 50/s");
    }
  }
  Queue queue = context.queue(arguments.operands.front());
  const bool reset = arguments.has("--reset");
  const Act act{.name = "requeue",
                .changes = {State::kDead, State::kArchived},
                .usual_states = {State::kDead},
                .rate_per_s = rate,
                .change = [&](Ids ids) { return queue.requeue(ids, reset); }};
  return run_act(context, queue, act, arguments);
}

using Transfer = FixResult (Root::*)(Queue& from, Ids ids, Queue& to);

int run_transfer(Context& context, const Arguments& arguments, std::string_view name,
                 Transfer transfer) {
  const std::optional<std::string> target = arguments.value("--to");
  if (!target) throw Error(ErrorCode::kUsage, name, "--to", "names no queue: it is needed");
  if (*target == arguments.operands.front()) {
    throw Error(ErrorCode::kUsage, name, "--to " + *target, "is the queue they are in");
  }
  Queue queue = context.queue(arguments.operands.front());
  Queue to = context.queue(*target);
  const Act act{.name = name,
                .changes = all_but({State::kLeased, State::kCorrupt}),
                .usual_states = {},
                .change = [&](Ids ids) { return (context.root().*transfer)(queue, ids, to); }};
  return run_act(context, queue, act, arguments);
}

int run_move(Context& context, const Arguments& arguments) {
  return run_transfer(context, arguments, "move", &Root::move);
}

int run_copy(Context& context, const Arguments& arguments) {
  return run_transfer(context, arguments, "copy", &Root::copy);
}

int remove_messages(Context& context, const Arguments& arguments, std::string_view name) {
  Queue queue = context.queue(arguments.operands.front());
  const Act act{.name = name,
                .changes = all_but({State::kLeased}),
                .usual_states = {},
                .change = [&](Ids ids) { return queue.remove(ids); }};
  return run_act(context, queue, act, arguments);
}

int run_delete(Context& context, const Arguments& arguments) {
  return remove_messages(context, arguments, "delete");
}

int run_purge(Context& context, const Arguments& arguments) {
  if (arguments.operands[1] != kAll) {
    throw Error(ErrorCode::kUsage, "purge", arguments.operands.front(),
                "say ALL, in capitals, to delete every message");
  }
  return remove_messages(context, arguments, "purge");
}

int run_hold(Context& context, const Arguments& arguments) {
  Queue queue = context.queue(arguments.operands.front());
  const std::string reason = arguments.value("--reason").value_or("");
  const Act act{.name = "hold",
                .changes = all_but({State::kLeased, State::kHeld}),
                .usual_states = all_but({State::kHeld}),
                .change = [&](Ids ids) { return queue.hold(ids, reason); }};
  return run_act(context, queue, act, arguments);
}

int run_unhold(Context& context, const Arguments& arguments) {
  Queue queue = context.queue(arguments.operands.front());
  const Act act{.name = "unhold",
                .changes = {State::kHeld},
                .usual_states = {State::kHeld},
                .change = [&](Ids ids) { return queue.unhold(ids); }};
  return run_act(context, queue, act, arguments);
}

int run_revoke(Context& context, const Arguments& arguments) {
  Queue queue = context.queue(arguments.operands.front());
  const Act act{.name = "revoke",
                .changes = {State::kLeased},
                .usual_states = {State::kLeased},
                .change = [&](Ids ids) { return queue.revoke(ids); }};
  return run_act(context, queue, act, arguments);
}

// SEL, besides ids, - and ALL, and --dry-run.
constexpr OptionSpec kWhere{"--where", "EXPR", "messages for which this holds"};
constexpr OptionSpec kState{"--state", "S", "messages in this state", Times::kMany};
constexpr OptionSpec kDryRun{"--dry-run", "", "only prints the ids that would be changed"};

constexpr std::array kSelectOptions = {kWhere, kState, kDryRun};
constexpr std::array kRequeueOptions = {
    kWhere, OptionSpec{"--state", "S", "messages in this state (dead)", Times::kMany},
    OptionSpec{"--rate", "N/s", "not faster than so many per second"},
    OptionSpec{"--reset", "", "counts redrives from zero again"}, kDryRun};
constexpr std::array kTransferOptions = {kWhere, kState,
                                         OptionSpec{"--to", "Q2", "the other queue"}, kDryRun};
constexpr std::array kHoldOptions = {
    kWhere, kState, OptionSpec{"--reason", "T", "why, shown by list and why"}, kDryRun};
constexpr std::array kPurgeOptions = {
    OptionSpec{"--state", "S", "only messages in this state", Times::kMany}, kDryRun};

constexpr std::array kCommands = {
    Command{"fix", "requeue", "Q SEL", 1, kAnyNumber, false,
            "makes dead or archived messages ready again",
            "spoolmq requeue orders --where \"reason = max_failures\" --rate 50/s\n"
            "spoolmq requeue orders --state archived --where 'age < 1h'",
            kRequeueOptions, run_requeue},
    Command{"fix", "move", "Q SEL", 1, kAnyNumber, false, "moves messages to another queue",
            "spoolmq move orders --state dead --to orders-dead", kTransferOptions, run_move},
    Command{"fix", "copy", "Q SEL", 1, kAnyNumber, false, "copies messages to another queue",
            "spoolmq copy orders ALL --to orders-test", kTransferOptions, run_copy},
    Command{"fix", "delete", "Q SEL", 1, kAnyNumber, false, "deletes messages for good",
            "spoolmq delete orders 3f9ac1 77b0e2", kSelectOptions, run_delete},
    Command{"fix", "hold", "Q SEL", 1, kAnyNumber, false,
            "keeps messages from being received until unhold",
            "spoolmq hold orders --where 'priority < 4' --reason 'print run first'", kHoldOptions,
            run_hold},
    Command{"fix", "unhold", "Q SEL", 1, kAnyNumber, false, "lets held messages go on",
            "spoolmq unhold orders ALL", kSelectOptions, run_unhold},
    Command{"fix", "revoke", "Q SEL", 1, kAnyNumber, false,
            "ends leases, also of living holders, without a failure", "spoolmq revoke orders ALL",
            kSelectOptions, run_revoke},
    Command{"fix", "purge", "Q ALL", 2, 2, false, "deletes every message that nobody has on lease",
            "spoolmq purge orders ALL --state dead", kPurgeOptions, run_purge},
};

}  // namespace

std::span<const Command> fix_commands() { return kCommands; }

}  // namespace spoolmq::cli

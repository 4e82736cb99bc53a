// A command per bridge (adapters/bridge_kinds.h): one adapter, run as the service runs it, in the
// foreground until INT or TERM; with --once until the other side has ended or the queue is empty.
// What spoolmq.toml calls `command` stands behind "--".

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "adapters/activation.h"
#include "adapters/bridge_kinds.h"
#include "cli/adapter_options.h"
#include "cli/command.h"
#include "cli/descriptor_limit.h"
#include "cli/follow.h"
#include "cli/json_output.h"
#include "cli/output.h"
#include "core/check.h"
#include "core/clock.h"

namespace spoolmq::cli {
namespace {

using adapters::AdapterPlace;
using adapters::BridgeKind;
using adapters::BridgePlan;

constexpr std::string_view kCommandKey = "command";
constexpr OptionSpec kOnce{"--once", "", "ends when the other side has, or the queue is empty"};

void print_moved(const Context& context, const MessageId& id, std::uint64_t size) {
  if (context.json) {
    print_line({{"id", id.text()}, {"size", size}});
  } else {
    write_out(id.text() + "\n");
  }
  flush_out();  // whoever reads them sees them as they happen
}

const BridgeKind& kind_of(const Arguments& arguments) {
  const std::span<const BridgeKind> kinds = adapters::bridge_kinds();
  const auto kind = std::ranges::find(kinds, arguments.command, &BridgeKind::type);
  SPOOLMQ_CHECK(kind != kinds.end());
  return *kind;
}

bool is_of_one(const BridgeKind& kind) { return kind.of_queue == adapters::OfQueue::kOne; }

std::shared_ptr<const BridgePlan> read_plan(const BridgeKind& kind, const Arguments& arguments) {
  std::vector<adapters::KeyValue> given = given_values(kind.keys(), arguments);
  for (const std::string& word : arguments.trailing) {
    given.push_back({std::string(kCommandKey), word, "-- " + word});
  }
  return kind.parse(is_of_one(kind) ? arguments.operands[0] : std::string(), given);
}

int run_bridge(Context& context, const Arguments& arguments) {
  adapters::adopt_activation_sockets();
  const BridgeKind& kind = kind_of(arguments);
  const std::shared_ptr<const BridgePlan> bridge = read_plan(kind, arguments);
  const std::string& queue = bridge->queue;
  raise_descriptor_limit();
  const StopSignals signals;
  if (is_of_one(kind)) static_cast<void>(context.queue(queue));  // no mistyped name is waited for
  const SystemClock clock;
  adapters::AdapterCounters counters;
  FollowPlan plan;
  plan.config = {.name = adapters::default_name(kind.type, queue),
                 .type = std::string(kind.type),
                 .settings = bridge,
                 .fingerprint = {},
                 .line = 0};
  plan.root = &context.root();
  plan.clock = &clock;
  plan.once = arguments.has(kOnce.name);
  plan.make = [&](const AdapterConfig&, AdapterPlace given) {
    given.counters = &counters;
    given.once = plan.once;
    given.on_moved = [&context](const MessageId& id, const std::string&, std::uint64_t size) {
      print_moved(context, id, size);
    };
    given.on_refused = [&kind](const std::string& subject, const std::string& why) {
      say(kind.type, subject, why);
    };
    return bridge->make(std::move(given));
  };
  follow(signals, plan);
  if (counters.refused > 0) return kPartly;
  return !plan.once || counters.moved > 0 || bridge->is_done_with_nothing() ? kDone : kNothing;
}

}  // namespace

std::span<const Command> bridge_commands() {
  static const std::vector<Command> commands = [] {
    static std::deque<AdapterOptions> options;  // the commands hold views of it
    std::vector<Command> made;
    for (const BridgeKind& kind : adapters::bridge_kinds()) {
      const AdapterOptions& mine = options.emplace_back(kind.keys(), kOnce, kCommandKey);
      const bool runs_command = std::ranges::find(kind.keys(), kCommandKey,
                                                  &adapters::AdapterKey::name) != kind.keys().end();
      const std::size_t operands = is_of_one(kind) ? 1 : 0;
      made.push_back({"bridges", kind.type, is_of_one(kind) ? "Q" : "", operands, operands,
                      runs_command, kind.summary, kind.example, mine.specs(), run_bridge,
                      !is_of_one(kind)});
    }
    return made;
  }();
  return commands;
}

}  // namespace spoolmq::cli

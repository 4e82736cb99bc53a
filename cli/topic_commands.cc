// Who gets what is sent to a topic: bind unbind topics.
#include <array>

#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/streams.h"
#include "cli/table.h"
#include "spoolmq/error.h"
#include "spoolmq/topic.h"

namespace spoolmq::cli {
namespace {

using nlohmann::ordered_json;

void put_binding(Context& context, const Binding& binding, Table& table) {
  if (context.json) {
    put_line(json_line({{"topic", binding.pattern}, {"queue", binding.queue}}));
  } else {
    table.add({binding.pattern, binding.queue});
  }
}

int run_bind(Context& context, const Arguments& arguments) {
  context.root().bind(arguments.operands[0], arguments.operands[1]);
  return kDone;
}

int run_unbind(Context& context, const Arguments& arguments) {
  const std::string& topic = arguments.operands[0];
  const std::string& queue = arguments.operands[1];
  if (!context.root().unbind(topic, queue)) {
    throw Error(ErrorCode::kNotFound, "unbind", topic, "queue '" + queue + "' is not bound to it");
  }
  return kDone;
}

// With a topic: the bindings that take it, whatever their patterns.
int run_topics(Context& context, const Arguments& arguments) {
  Table table({{"TOPIC"}, {"QUEUE"}});
  std::vector<Binding> bindings = context.root().bindings();
  if (!arguments.operands.empty()) {
    const std::string& topic = arguments.operands[0];
    // Refuses what is no topic.
    static_cast<void>(context.root().queues_of_topic(topic));
    std::erase_if(bindings, [&](const Binding& one) { return !topic_matches(one.pattern, topic); });
    if (bindings.empty()) return kNothing;
  }
  for (const Binding& one : bindings) put_binding(context, one, table);
  put_out(table.take());
  return kDone;
}

constexpr std::array kCommands = {
    Command{"topics",
            "bind",
            "TOPIC Q",
            2,
            2,
            false,
            "what is sent to the topic goes to the queue; * is one word of it, # any number",
            "spoolmq bind orders.eu billing\nspoolmq bind 'orders.#' audit",
            {},
            run_bind},
    Command{"topics",
            "unbind",
            "TOPIC Q",
            2,
            2,
            false,
            "ends a binding, given as it was made",
            "spoolmq unbind 'orders.#' audit",
            {},
            run_unbind},
    Command{"topics",
            "topics",
            "[TOPIC]",
            0,
            1,
            false,
            "lists the bindings, or those that take what is sent to one topic",
            "spoolmq topics orders.eu",
            {},
            run_topics},
};

}  // namespace

std::span<const Command> topic_commands() { return kCommands; }

}  // namespace spoolmq::cli

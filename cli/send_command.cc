// send: its options, and what they make of the input.

#include <array>

#include "cli/body_input.h"
#include "cli/command.h"
#include "cli/data_commands.h"
#include "cli/message_options.h"
#include "cli/record_reader.h"
#include "cli/sender.h"
#include "cli/topic_sender.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr std::string_view kProcessMailbox = "process/";

constexpr std::array kOptions = {
    OptionSpec{"-f,--file", "FILE", "the body, or with --lines or --null the records"},
    OptionSpec{"-H,--header", "NAME=VALUE", "a header", Times::kMany},
    OptionSpec{"--priority", "N", "0 to 32767, larger goes first; default 4"},
    OptionSpec{"--delay", "D", "not to be received before D is over"},
    OptionSpec{"--ttl", "D", "expires after D"},
    OptionSpec{"--id", "UUID", "the message's id; known already: nothing is added"},
    OptionSpec{"--dedupe-key", "K", "known already: nothing is added, the earlier id is printed"},
    OptionSpec{"--order-key", "K", "messages of one key are received one after the other"},
    OptionSpec{"--reply-to", "Q", "where an answer is expected"},
    OptionSpec{"--correlation-id", "C", "what an answer refers to"},
    OptionSpec{"--as", "NAME", "who sends; a claim"},
    OptionSpec{"--to", "NAME", "instead of Q: the mailbox of `receive --as NAME`"},
    OptionSpec{"--topic", "TOPIC", "instead of Q: every queue that is bound to it"},
    OptionSpec{"--lines", "", "one message per line"},
    OptionSpec{"--null", "", "one message per record that ends in NUL"},
    OptionSpec{"--format", "xml|binary", "instead of the queue's"},
    OptionSpec{"--durability", "sync|os", "instead of the queue's"},
    OptionSpec{"--wait", "", "until the receiver acknowledged"},
    OptionSpec{"--timeout", "D", "the longest wait, also for room in a full queue"},
};

Error usage(std::string_view subject, std::string_view why) {
  return {ErrorCode::kUsage, "send", subject, why};
}

SendPlan read_plan(const Arguments& arguments) {
  SendPlan plan;
  Message& pattern = plan.pattern;
  pattern.headers = read_headers(arguments, "send");
  if (const auto text = arguments.value("--id")) {
    const std::optional<MessageId> id = MessageId::parse(*text);
    if (!id || id->is_nil()) throw usage("--id " + *text, "not a UUID");
    pattern.id = *id;
  }
  pattern.priority = read_priority(arguments);
  pattern.dedupe_key = arguments.value("--dedupe-key").value_or("");
  pattern.order_key = arguments.value("--order-key").value_or("");
  pattern.reply_to = arguments.value("--reply-to").value_or("");
  pattern.correlation_id = arguments.value("--correlation-id").value_or("");
  pattern.from.name = arguments.value("--as").value_or("");
  plan.delay = arguments.duration("--delay");
  plan.ttl = read_ttl(arguments, "send");
  Settings typed;
  if (const auto text = arguments.value("--format")) {
    set_typed_setting(typed, "format", *text);
    plan.options.format = typed.format;
  }
  if (const auto text = arguments.value("--durability")) {
    set_typed_setting(typed, "durability", *text);
    plan.options.durability = typed.durability;
  }
  plan.options.timeout = arguments.duration("--timeout");
  plan.waits = arguments.has("--wait");
  return plan;
}

struct Target {
  std::string queue;  // or
  std::string topic;
  std::optional<std::string> body;  // none: an input
};

Target read_target(const Arguments& arguments) {
  std::vector<std::string> operands = arguments.operands;
  Target target;
  if (const auto topic = arguments.value("--topic")) {
    if (operands.size() > 1) throw usage("--topic " + *topic, "takes the place of Q");
    if (arguments.has("--to")) throw usage("--to", "contradicts --topic");
    target.topic = *topic;
  } else if (const auto name = arguments.value("--to")) {
    if (operands.size() > 1) throw usage("--to " + *name, "takes the place of Q");
    target.queue = std::string(kProcessMailbox) + *name;
  } else {
    if (operands.empty())
      throw usage("operands", "needs Q [BODY], --topic TOPIC [BODY] or --to NAME [BODY]");
    target.queue = operands.front();
    operands.erase(operands.begin());
  }
  if (!operands.empty() && operands.front() != "-") target.body = operands.front();
  if (arguments.has("--file") && !operands.empty()) {
    throw usage("--file", "the body is given already");
  }
  return target;
}

void refuse_contradictions(const Arguments& arguments, const Target& target) {
  if (!target.topic.empty() && arguments.has("--wait")) {
    throw usage("--wait", "a message to a topic has as many receivers as queues");
  }
  const bool lines = arguments.has("--lines");
  const bool null = arguments.has("--null");
  if (lines && null) throw usage("--null", "contradicts --lines");
  if (!lines && !null) return;
  const std::string_view mode = lines ? "--lines" : "--null";
  if (target.body) throw usage(mode, "reads stdin or a file, not an operand");
  for (const std::string_view single : {"--id", "--dedupe-key"}) {
    if (arguments.has(single)) throw usage(single, "is for one message");
  }
}

template <typename To>
int send_whole(To& sender, const Target& target, const Arguments& arguments,
               std::size_t longest_record) {
  if (target.body) return sender.send_body(*target.body);
  Input input = Input::open(arguments.value("--file").value_or("-"));
  if (!arguments.has("--lines") && !arguments.has("--null")) return sender.send_input(input);
  RecordReader reader({[&input](std::span<char> into) { return input.read(into); },
                       [&input] { return input.would_wait(); }},
                      arguments.has("--lines") ? '\n' : '\0', longest_record);
  return sender.send_records(reader);
}

int run_send(Context& context, const Arguments& arguments) {
  const Target target = read_target(arguments);
  refuse_contradictions(arguments, target);
  SendPlan plan = read_plan(arguments);
  if (!target.topic.empty()) {
    TopicSender sender(context, target.topic, std::move(plan));
    return send_whole(sender, target, arguments, kMaxTransactionBytes);
  }
  const std::string name = plan.pattern.from.name;
  Queue queue = context.queue(target.queue, name);
  Sender sender(context, std::move(queue), std::move(plan));
  return send_whole(sender, target, arguments, sender.inline_limit());
}

}  // namespace

Command send_command() {
  return {"data",
          "send",
          "Q [BODY|-]",
          0,
          2,
          false,
          "sends a message, or one per line; prints each id once it is durable",
          "spoolmq send orders '{\"n\": 1}' -H content-type=application/json\n"
          "seq 1000 | spoolmq send orders --lines",
          kOptions,
          run_send};
}

}  // namespace spoolmq::cli

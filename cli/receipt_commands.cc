// What is done to running leases, by receipt: ack nack release extend reject. Every receipt is read
// before anything is done; a lost one is a line on stderr and does not stop the others.

#include <algorithm>
#include <array>
#include <functional>
#include <iostream>

#include "cli/command.h"
#include "cli/data_commands.h"
#include "cli/json_output.h"
#include "cli/streams.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr std::size_t kMaxReceipts = 1'000'000;   // of one command
constexpr std::size_t kBatch = 1'000;             // of one transaction
constexpr std::string_view kLabel = "receipt: ";  // as `receive` prints it
constexpr std::string_view kAck = "ack";

constexpr std::array kNackOptions = {
    OptionSpec{"--delay", "D", "instead of the queue's backoff"},
    OptionSpec{"--reason", "T", "kept with the message"},
};
constexpr std::array kExtendOptions = {
    OptionSpec{"--lease", "D", "from now; else the queue's"},
};
constexpr std::array kRejectOptions = {
    OptionSpec{"--reason", "T", "kept with the dead message"},
};

using Outcomes = std::vector<LeaseOutcome>;
using Act = std::function<Outcomes(Queue&, std::span<const Receipt>)>;

void add_receipt(std::vector<Receipt>& receipts, std::string_view text) {
  const std::optional<Receipt> receipt = Receipt::parse(text);
  if (!receipt) throw Error(ErrorCode::kUsage, "read receipt", text, "not a receipt");
  if (receipts.size() == kMaxReceipts) {
    throw Error(ErrorCode::kUsage, "read receipt", text,
                "more than " + std::to_string(kMaxReceipts) + " receipts");
  }
  receipts.push_back(*receipt);
}

void add_from_stdin(std::vector<Receipt>& receipts) {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::string_view text = line;
    if (text.starts_with(kLabel)) text.remove_prefix(kLabel.size());
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (!text.empty()) add_receipt(receipts, text);
  }
  if (std::cin.bad()) throw Error(ErrorCode::kIo, "read", "stdin", "cannot be read");
}

std::vector<Receipt> read_receipts(const Arguments& arguments) {
  std::vector<Receipt> receipts;
  for (std::size_t i = 1; i < arguments.operands.size(); ++i) {
    if (arguments.operands[i] == "-") {
      add_from_stdin(receipts);
    } else {
      add_receipt(receipts, arguments.operands[i]);
    }
  }
  return receipts;
}

std::string_view outcome_name(LeaseOutcome outcome) {
  switch (outcome) {
    case LeaseOutcome::kDone:
      return "done";
    case LeaseOutcome::kRepeated:
      return "repeated";
    case LeaseOutcome::kLost:
      break;
  }
  return "lost";
}

int run_act(Context& context, const Arguments& arguments, std::string_view name, const Act& act) {
  const std::vector<Receipt> receipts = read_receipts(arguments);
  Queue queue = context.queue(arguments.operands[0]);
  int code = kDone;
  for (std::size_t start = 0; start < receipts.size(); start += kBatch) {
    const auto batch =
        std::span(receipts).subspan(start, std::min(kBatch, receipts.size() - start));
    const Outcomes outcomes = act(queue, batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const std::string text = batch[i].text();
      if (context.json) {
        put_line(json_line({{"receipt", text}, {"outcome", outcome_name(outcomes.at(i))}}));
      }
      const bool is_acked = outcomes.at(i) == LeaseOutcome::kRepeated;
      if (outcomes.at(i) == LeaseOutcome::kDone || (is_acked && name == kAck)) continue;
      complain(std::string(name) + ": " + text +
               (is_acked ? ": it is acknowledged already" : ": the lease has ended"));
      code = static_cast<int>(ErrorCode::kLeaseLost);
    }
  }
  return code;
}

int run_ack(Context& context, const Arguments& arguments) {
  return run_act(context, arguments, kAck, [](Queue& queue, std::span<const Receipt> receipts) {
    return queue.ack(receipts);
  });
}

int run_nack(Context& context, const Arguments& arguments) {
  const auto delay = arguments.duration("--delay");
  const std::string reason = arguments.value("--reason").value_or("");
  return run_act(context, arguments, "nack", [&](Queue& queue, std::span<const Receipt> receipts) {
    return queue.nack(receipts, reason, delay);
  });
}

int run_release(Context& context, const Arguments& arguments) {
  return run_act(
      context, arguments, "release",
      [](Queue& queue, std::span<const Receipt> receipts) { return queue.release(receipts); });
}

int run_extend(Context& context, const Arguments& arguments) {
  const auto lease = arguments.duration("--lease");
  return run_act(context, arguments, "extend",
                 [&](Queue& queue, std::span<const Receipt> receipts) {
                   return queue.extend(receipts, lease);
                 });
}

int run_reject(Context& context, const Arguments& arguments) {
  const std::string reason = arguments.value("--reason").value_or("");
  return run_act(context, arguments, "reject",
                 [&](Queue& queue, std::span<const Receipt> receipts) {
                   return queue.reject(receipts, reason);
                 });
}

constexpr std::string_view kOperands = "Q RECEIPT…|-";

constexpr std::array kCommands = {
    Command{"data",
            kAck,
            kOperands,
            2,
            kMaxReceipts,
            false,
            "the messages are done",
            "spoolmq ack orders RECEIPT",
            {},
            run_ack},
    Command{"data", "nack", kOperands, 2, kMaxReceipts, false,
            "the deliveries failed: again later, dead after too many",
            "spoolmq nack orders RECEIPT --reason 'no such customer'", kNackOptions, run_nack},
    Command{"data",
            "release",
            kOperands,
            2,
            kMaxReceipts,
            false,
            "gives the messages back; no failure is counted",
            "spoolmq release orders RECEIPT",
            {},
            run_release},
    Command{"data", "extend", kOperands, 2, kMaxReceipts, false, "more time for the leases",
            "spoolmq extend orders RECEIPT --lease 5m", kExtendOptions, run_extend},
    Command{"data", "reject", kOperands, 2, kMaxReceipts, false,
            "the messages are bad: dead at once",
            "spoolmq reject orders RECEIPT --reason 'not an order'", kRejectOptions, run_reject},
};

}  // namespace

std::span<const Command> receipt_commands() { return kCommands; }

}  // namespace spoolmq::cli

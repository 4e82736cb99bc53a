// receive: messages on timed leases, printed or written to files. A lease outlives this process
// only when its message has been handed over whole; on any failure before that it is released.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>

#include "adapters/new_file.h"
#include "cli/command.h"
#include "cli/data_commands.h"
#include "cli/json_output.h"
#include "cli/streams.h"
#include "core/file_system.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr std::int64_t kMaxMessages = 10'000;             // of one command
constexpr std::size_t kSlice = 256;                       // taken at a time
constexpr std::uint64_t kMaxJsonBodyBytes = 64ULL << 20;  // a larger one needs --output
constexpr std::size_t kPieceBytes = 256 << 10;
constexpr std::string_view kProcessMailbox = "process/";

constexpr std::array kOptions = {
    OptionSpec{"-n,--count", "N", "at most N messages; default 1"},
    OptionSpec{"--wait", "", "for a message, for ever or until --timeout"},
    OptionSpec{"--timeout", "D", "wait at most D"},
    OptionSpec{"--lease", "D", "how long the messages are yours; else the queue's"},
    OptionSpec{"--from", "NAME", "only messages sent --as NAME"},
    OptionSpec{"--as", "NAME", "who receives; without Q, from the mailbox of that name"},
    OptionSpec{"--ack", "", "acknowledge what was handed over"},
    OptionSpec{"--output", "DIR", "bodies into files of DIR, named by id"},
    OptionSpec{"--null", "", "a NUL behind each body"},
};

Error usage(std::string_view subject, std::string_view why) {
  return {ErrorCode::kUsage, "receive", subject, why};
}

// Calls `put` with each piece of the body.
template <typename Put>
void read_body(const Delivery& delivery, const Put& put) {
  if (!delivery.message().large_body) {
    put(std::string_view(delivery.message().body));
    return;
  }
  const std::unique_ptr<BodyReader> reader = delivery.open_body();
  std::vector<char> piece(kPieceBytes);
  while (const std::size_t count = reader->read(piece)) {
    put(std::string_view(piece.data(), count));
  }
}

// Hands one message over to stdout or a file; on return it has been taken. Then it is finished.
class Handover {
 public:
  Handover(Context& context, const Arguments& arguments)
      : context_(context), null_(arguments.has("--null")), ack_(arguments.has("--ack")) {
    if (const auto path = arguments.value("--output")) directory_ = open_posix_dir(*path);
  }

  void operator()(Delivery& delivery) {
    std::string file;
    if (directory_) file = write_file(delivery);
    if (context_.json) {
      put_object(delivery, file);
    } else if (directory_) {
      put_line(file);
    } else {
      read_body(delivery, [this](std::string_view bytes) {
        put_out(bytes);
        if (!bytes.empty()) ends_a_line_ = bytes.back() == '\n';
      });
      if (null_) put_out(std::string_view("\0", 1));
    }
    settle_out();
  }

  // What was handed over belongs to whoever has it now.
  void finish(Queue& queue, std::span<Delivery> taken) {
    if (ack_) {
      if (!taken.empty()) queue.ack_batch(taken);
      return;
    }
    // Where both streams meet, a receipt stands on a line of its own.
    if (!ends_a_line_ && ::isatty(STDOUT_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0) {
      put_word(context_, "");
    }
    for (Delivery& delivery : taken) {
      if (!context_.json) put_word(context_, "receipt: " + delivery.receipt().text());
      delivery.detach();
    }
  }

 private:
  std::string write_file(const Delivery& delivery) {
    std::string path = directory_->path() + "/" + delivery.message().id.text();
    adapters::NewFile file(path);
    read_body(delivery, [&file](std::string_view bytes) { file.write(bytes); });
    file.sync();
    file.close();
    directory_->sync();
    file.keep();
    return path;
  }

  static void put_object(const Delivery& delivery, const std::string& file) {
    const Message& message = delivery.message();
    nlohmann::ordered_json object{{"id", message.id.text()},
                                  {"receipt", delivery.receipt().text()},
                                  {"deliveries", delivery.counters().deliveries},
                                  {"failures", delivery.counters().failures},
                                  {"redrives", delivery.counters().redrives}};
    object.update(envelope_json(message));
    if (!file.empty()) {
      object["file"] = file;
    } else if (message.body_size() > kMaxJsonBodyBytes) {
      throw Error(ErrorCode::kBadData, "receive", message.id.text(),
                  "its body is too large for --json; use --output DIR");
    } else {
      std::string body;
      read_body(delivery, [&body](std::string_view bytes) { body.append(bytes); });
      add_body(object, body);
    }
    put_line(json_line(object));
  }

  Context& context_;
  bool null_;
  bool ack_;
  bool ends_a_line_ = true;  // what stdout had last
  std::unique_ptr<Dir> directory_;
};

ReceiveOptions read_options(const Arguments& arguments) {
  ReceiveOptions options;
  options.kind = LeaseKind::kTimed;
  options.max = static_cast<std::size_t>(arguments.integer("--count", 1, kMaxMessages).value_or(1));
  if (const auto timeout = arguments.duration("--timeout")) {
    options.wait = timeout;
  } else if (arguments.has("--wait")) {
    options.wait = std::nullopt;
  }
  options.lease = arguments.duration("--lease");
  if (options.lease && options.lease->count() == 0) throw usage("--lease 0", "ends at once");
  options.from = arguments.value("--from").value_or("");
  options.as = arguments.value("--as").value_or("");
  return options;
}

// Q, or the mailbox of --as, which is made if nobody has.
Queue open_source(Context& context, const Arguments& arguments, const std::string& as) {
  if (!arguments.operands.empty()) return context.queue(arguments.operands[0], as);
  if (as.empty()) throw usage("operands", "needs Q, or --as NAME");
  const std::string mailbox = std::string(kProcessMailbox) + as;
  if (!context.root().has_queue(mailbox)) context.root().create_queue(mailbox);
  return context.queue(mailbox, as);
}

// A failure leaves what was taken before it with the taker, and the rest in the queue.
void hand_over_all(Handover& hand_over, Queue& queue, std::span<Delivery> deliveries) {
  std::size_t taken = 0;
  try {
    for (Delivery& delivery : deliveries) {
      hand_over(delivery);
      ++taken;
    }
  } catch (const Error&) {
    hand_over.finish(queue, deliveries.first(taken));
    throw;
  }
  hand_over.finish(queue, deliveries);
}

int run_receive(Context& context, const Arguments& arguments) {
  ReceiveOptions options = read_options(arguments);
  const bool separates = context.json || arguments.has("--null") || arguments.has("--output");
  if (options.max > 1 && !separates) {
    throw usage("-n " + std::to_string(options.max),
                "more than one body needs --json, --null or --output DIR");
  }
  if (arguments.has("--null") && (context.json || arguments.has("--output"))) {
    throw usage("--null", "contradicts --json and --output");
  }
  Handover hand_over(context, arguments);
  Queue queue = open_source(context, arguments, options.as);
  const std::size_t wanted = options.max;
  std::size_t got = 0;
  while (got < wanted) {
    options.max = std::min(wanted - got, kSlice);
    std::vector<Delivery> deliveries = queue.receive_batch(options);
    if (deliveries.empty()) break;
    hand_over_all(hand_over, queue, deliveries);
    got += deliveries.size();
    options.wait = Milliseconds{0};  // for more than the first nobody waits
  }
  return got == 0 ? kNothing : kDone;
}

}  // namespace

Command receive_command() {
  return {"data",
          "receive",
          "[Q]",
          0,
          1,
          false,
          "takes messages on a timed lease and prints their bodies",
          "spoolmq receive orders --wait --timeout 30s --ack\n"
          "spoolmq receive orders -n 100 --json",
          kOptions,
          run_receive,
          kMakesRoot};
}

}  // namespace spoolmq::cli

// request: sends a request, waits for its reply and prints it. TERM or INT end the wait; the
// mailbox goes whatever happens, but for kill -9.

#include <poll.h>

#include <array>
#include <cerrno>

#include "adapters/body_feed.h"
#include "cli/body_input.h"
#include "cli/command.h"
#include "cli/data_commands.h"
#include "cli/json_output.h"
#include "cli/message_options.h"
#include "cli/stop_signals.h"
#include "cli/streams.h"
#include "spoolmq/error.h"
#include "spoolmq/request.h"

namespace spoolmq::cli {
namespace {

constexpr std::uint64_t kMaxJsonBodyBytes = 64 << 20;

constexpr std::array kOptions = {
    OptionSpec{"-f,--file", "FILE", "the body"},
    OptionSpec{"-H,--header", "NAME=VALUE", "a header", Times::kMany},
    OptionSpec{"--priority", "N", "0 to 32767, larger goes first; default 4"},
    OptionSpec{"--ttl", "D", "request and reply expire after D; default: the timeout and 5 s"},
    OptionSpec{"--timeout", "D", "the longest wait for the reply; default 30s"},
    OptionSpec{"--as", "NAME", "who asks; a claim"},
};

Error usage(std::string_view subject, std::string_view why) {
  return {ErrorCode::kUsage, "request", subject, why};
}

// What is to be sent: an operand, or an input that a stop signal interrupts.
class RequestBody {
 public:
  RequestBody(const Arguments& arguments, const StopSignals& signals) : signals_(signals) {
    const bool given = arguments.operands.size() > 1;
    if (given && arguments.has("--file")) throw usage("--file", "the body is given already");
    if (given && arguments.operands[1] != "-") {
      operand_ = arguments.operands[1];
    } else {
      input_.emplace(Input::open(arguments.value("--file").value_or("-")));
    }
  }
  [[nodiscard]] const std::optional<std::string>& operand() const { return operand_; }
  std::size_t read(std::span<char> into) {
    std::array<pollfd, 2> waits = {pollfd{input_->descriptor(), POLLIN, 0},
                                   pollfd{signals_.descriptor(), POLLIN, 0}};
    while (::poll(waits.data(), waits.size(), -1) < 0) {
      if (errno != EINTR) throw Error::from_errno(errno, "wait", "the body");
    }
    if (waits[1].revents != 0) {
      throw Error(ErrorCode::kTryAgain, "request", "the body", "interrupted");
    }
    return input_->read(into);
  }

 private:
  const StopSignals& signals_;
  std::optional<std::string> operand_;
  std::optional<Input> input_;
};

Answer ask(Requester& requester, Message message, RequestBody& body,
           const RequestOptions& options) {
  if (body.operand()) {
    message.body = *body.operand();
    return requester.request(std::move(message), options);
  }
  return requester.request_stream(
      std::move(message), [&body](std::span<char> into) { return body.read(into); }, options);
}

// On return stdout has taken the reply.
void print_reply(const Context& context, const Answer& answer) {
  const Message& reply = answer.reply->message();
  if (context.json && reply.body_size() > kMaxJsonBodyBytes) {
    throw Error(ErrorCode::kBadData, "request", reply.id.text(),
                "the reply is too large for --json");
  }
  std::string whole;
  try {
    adapters::BodyPieces pieces(*answer.reply);
    for (std::string_view piece = pieces.next(); !piece.empty(); piece = pieces.next()) {
      if (context.json) {
        whole.append(piece);
      } else {
        put_out(piece);
      }
    }
  } catch (const adapters::BadBody& bad) {
    throw Error(ErrorCode::kBadData, "request", reply.id.text(), bad.what());
  }
  if (context.json) {
    nlohmann::ordered_json object{{"request", answer.request.text()}};
    object.update(envelope_json(reply));
    add_body(object, whole);
    put_line(json_line(object));
  }
  settle_out();
}

[[noreturn]] void refuse(Answer& answer, const std::string& queue, ReplyStatus status) {
  const std::string* const reason = answer.reply->message().header(kReplyReasonHeader);
  std::string why(reply_status_name(status));
  if (reason != nullptr) why += ": " + *reason;
  answer.reply->ack();
  throw Error(status == ReplyStatus::kRejected ? ErrorCode::kBadData : ErrorCode::kUnavailable,
              "request", queue, why);
}

int tell_unanswered(const Context& context, const Answer& answer, bool interrupted) {
  const std::string why = interrupted ? "interrupted" : "no reply in time";
  put_word(context, "spoolmq: request: " + answer.request.text() + ": " + why +
                        (answer.withdrawn ? "; nobody had taken it, it is withdrawn"
                                          : "; it was taken, a late reply goes dead there"));
  return kNothing;
}

int run_request(Context& context, const Arguments& arguments) {
  const std::string& queue = arguments.operands[0];
  Message message;
  message.headers = read_headers(arguments, "request");
  message.priority = read_priority(arguments);
  message.from.name = arguments.value("--as").value_or("");
  RequestOptions options;
  options.ttl = read_ttl(arguments, "request");
  if (const auto timeout = arguments.duration("--timeout")) options.timeout = *timeout;
  const StopSignals signals;
  bool interrupted = false;
  options.cancelled = [&] { return interrupted = interrupted || signals.take() > 0; };
  RequestBody body(arguments, signals);

  Requester requester(context.root(), queue, message.from.name);
  Answer answer = ask(requester, std::move(message), body, options);
  if (!answer.reply) {
    requester.close();
    return tell_unanswered(context, answer, interrupted);
  }
  const ReplyStatus status = reply_status(answer.reply->message());
  if (status != ReplyStatus::kOk) refuse(answer, queue, status);
  print_reply(context, answer);
  answer.reply->ack();
  requester.close();
  return kDone;
}

}  // namespace

Command request_command() {
  return {"data",
          "request",
          "Q [BODY|-]",
          1,
          2,
          false,
          "sends a request, waits for its reply and prints it",
          "echo '2 + 3' | spoolmq request sums\n"
          "spoolmq request quotes -f order.xml --timeout 5s",
          kOptions,
          run_request};
}

}  // namespace spoolmq::cli

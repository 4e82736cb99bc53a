// reply: runs a command per request; what it prints is the reply.

#include <algorithm>
#include <array>

#include "cli/command.h"
#include "cli/consume_crew.h"
#include "cli/data_commands.h"
#include "cli/message_options.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr std::uint64_t kMostReplyBytes = std::uint64_t{1} << 30;

constexpr auto kOptions = [] {
  std::array<OptionSpec, kCrewOptions.size() + 2> options{};
  std::ranges::copy(kCrewOptions, options.begin());
  options[kCrewOptions.size()] = {"-H,--header", "NAME=VALUE", "a header of every reply",
                                  Times::kMany};
  options[kCrewOptions.size() + 1] = {"--most", "SIZE", "a longer reply is refused; default 1G"};
  return options;
}();

int run_reply(Context& context, const Arguments& arguments) {
  ReplyRules replies;
  replies.headers = read_headers(arguments, "reply");
  const std::optional<std::int64_t> most = arguments.size("--most");
  replies.most_bytes = most ? static_cast<std::uint64_t>(*most) : kMostReplyBytes;
  return run_crew(context, arguments, &replies);
}

}  // namespace

Command reply_command() {
  return {"data",
          "reply",
          "Q",
          1,
          1,
          true,
          "runs a command per request and sends what it prints to the requester",
          "spoolmq reply sums -- bc -l\n"
          "spoolmq reply quotes --concurrency 4 -H content-type=application/json -- ./quote",
          kOptions,
          run_reply};
}

}  // namespace spoolmq::cli

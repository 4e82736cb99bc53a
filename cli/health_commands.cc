#include <array>
#include <string>

#include "cli/command.h"
#include "cli/completion.h"
#include "cli/json_output.h"
#include "cli/output.h"
#include "core/text.h"

namespace spoolmq::cli {
namespace {

FsckMode mode_of(const Arguments& arguments) {
  const bool repair = arguments.has("--repair");
  const bool rebuild = arguments.has("--rebuild-index");
  if (repair && rebuild) {
    throw Error(ErrorCode::kUsage, "fsck", "--repair --rebuild-index",
                "give one of them: a rebuilt index needs no repair");
  }
  if (repair) return FsckMode::kRepair;
  return rebuild ? FsckMode::kRebuildIndex : FsckMode::kLook;
}

void print_finding(const Context& context, const std::string& queue, const FsckFinding& finding,
                   FsckMode mode) {
  if (context.json) {
    nlohmann::ordered_json object;
    object["queue"] = queue;
    object["what"] = finding.what;
    object["where"] = finding.where;
    object["why"] = finding.why;
    object["repaired"] = finding.repaired;
    print_line(object);
    return;
  }
  std::string line = queue + ": " + finding.what + ": " + finding.where + ": " + finding.why;
  if (finding.repaired && mode != FsckMode::kLook) line.append(" (repaired)");
  write_out(printable(line) + "\n");
}

int check_queue(Context& context, const std::string& name, FsckMode mode) {
  Queue queue = context.queue(name);
  int code = kDone;
  for (const FsckFinding& finding : queue.fsck(mode)) {
    print_finding(context, name, finding, mode);
    if (!finding.repaired) code = kPartly;
  }
  return code;
}

int run_fsck(Context& context, const Arguments& arguments) {
  const FsckMode mode = mode_of(arguments);
  if (!arguments.operands.empty()) return check_queue(context, arguments.operands.front(), mode);
  int code = kDone;
  for (const std::string& name : context.root().queues()) {
    try {
      if (check_queue(context, name, mode) != kDone) code = kPartly;
    } catch (const Error& error) {
      say(error.operation(), error.subject(), error.why());
      code = kPartly;
    }
  }
  return code;
}

int run_completion(Context&, const Arguments& arguments) {
  if (arguments.operands.front() != "bash") {
    throw Error(ErrorCode::kUsage, "completion", arguments.operands.front(),
                "not a shell it is made for: bash");
  }
  write_out(bash_completion(commands(), global_options()));
  return kDone;
}

constexpr std::array kFsckOptions = {
    OptionSpec{"--repair", "", "repairs what can be repaired"},
    OptionSpec{"--rebuild-index", "", "makes a new index from the spool files and verdicts"},
};

constexpr std::array kCommands = {
    Command{"health", "fsck", "[Q]", 0, 1, false,
            "checks queues; without options it changes nothing", "spoolmq fsck orders --repair",
            kFsckOptions, run_fsck},
    Command{"health",
            "completion",
            "bash",
            1,
            1,
            false,
            "prints a completion script",
            "eval \"$(spoolmq completion bash)\"",
            {},
            run_completion},
};

}  // namespace

std::span<const Command> health_commands() { return kCommands; }

}  // namespace spoolmq::cli

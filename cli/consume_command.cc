// consume: runs a command per message.

#include "cli/command.h"
#include "cli/consume_crew.h"
#include "cli/data_commands.h"

namespace spoolmq::cli {
namespace {

int run_consume(Context& context, const Arguments& arguments) {
  return run_crew(context, arguments, nullptr);
}

}  // namespace

Command consume_command() {
  return {"data",
          "consume",
          "Q",
          1,
          1,
          true,
          "runs a command per message; its exit code is the verdict",
          "spoolmq consume orders --concurrency 4 -- ./handle-order\n"
          "spoolmq consume scans --until-empty -- convert {} /srv/out.png",
          kCrewOptions,
          run_consume};
}

}  // namespace spoolmq::cli

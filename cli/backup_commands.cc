// backup and restore: queues to a directory of their own while they are in use, and back.

#include <array>

#include "cli/command.h"
#include "cli/descriptor_limit.h"
#include "cli/json_output.h"
#include "cli/streams.h"
#include "spoolmq/backup.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

using nlohmann::ordered_json;

std::string counted(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

void print(const Context& context, const BackedUp& done) {
  if (context.json) {
    put_line(json_line({{"queue", done.queue},
                        {"messages", done.messages},
                        {"files", done.files},
                        {"shared_files", done.shared_files},
                        {"bytes", done.bytes}}));
    return;
  }
  put_line(done.queue + ": " + counted(static_cast<std::uint64_t>(done.messages), "message") +
           " in " + counted(done.files, "file") + ", " + std::to_string(done.shared_files) +
           " shared");
}

int run_backup(Context& context, const Arguments& arguments) {
  raise_descriptor_limit();
  const std::span<const std::string> operands(arguments.operands);
  BackupOptions options;
  if (arguments.has("--copy")) options.bytes = BackupBytes::kOwn;
  for (const BackedUp& done :
       context.root().back_up(operands.first(operands.size() - 1), operands.back(), options)) {
    print(context, done);
  }
  return kDone;
}

int run_restore(Context& context, const Arguments& arguments) {
  raise_descriptor_limit();
  RestoreOptions options;
  options.accept_damage = arguments.has("--accept-damage");
  if (const auto as = arguments.value("--as")) {
    if (as->empty()) throw Error(ErrorCode::kUsage, "restore", "--as ''", "a queue has a name");
    options.as = *as;
  }
  int code = kDone;
  for (const Restored& done : context.root().restore(arguments.operands.front(), options)) {
    if (done.corrupt > 0) code = kPartly;
    if (context.json) {
      put_line(json_line(
          {{"queue", done.queue}, {"messages", done.messages}, {"corrupt", done.corrupt}}));
    } else {
      put_line(done.queue + ": " + counted(static_cast<std::uint64_t>(done.messages), "message") +
               (done.corrupt > 0 ? ", " + std::to_string(done.corrupt) + " corrupt" : ""));
    }
  }
  return code;
}

constexpr std::size_t kMostQueues = 10'000;

constexpr std::array kBackupOptions = {
    OptionSpec{"--copy", "", "copies every byte, also on the same file system"},
};
constexpr std::array kRestoreOptions = {
    OptionSpec{"--as", "Q", "under this name; for a backup of one queue"},
    OptionSpec{"--accept-damage", "", "messages that do not verify become corrupt: exit 2"},
};

constexpr std::array kCommands = {
    Command{"health", "backup", "[Q…] DEST", 1, kMostQueues + 1, false,
            "copies queues that are in use to a new directory", "spoolmq backup /backup/monday",
            kBackupOptions, run_backup},
    Command{"health", "restore", "SRC", 1, 1, false, "brings the queues of a backup back",
            "spoolmq restore /backup/monday", kRestoreOptions, run_restore, kMakesRoot},
};

}  // namespace

std::span<const Command> backup_commands() { return kCommands; }

}  // namespace spoolmq::cli

// import and export: one pass between a queue and a directory, or with --follow all that comes.

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "adapters/export_adapter.h"
#include "adapters/import_adapter.h"
#include "cli/adapter_kinds.h"
#include "cli/adapter_options.h"
#include "cli/command.h"
#include "cli/follow.h"
#include "cli/json_output.h"
#include "cli/output.h"
#include "core/clock.h"
#include "core/file_system.h"

namespace spoolmq::cli {
namespace {

using adapters::AdapterPlace;

constexpr OptionSpec kFollow{"--follow", "", "goes on until it is told to stop (INT, TERM)"};

// ---- Running

constexpr std::chrono::milliseconds kLongestSleep{1'000};

void run_until_idle(adapters::Adapter& adapter, const Clock& clock) {
  while (true) {
    const adapters::Adapter::Turn turn = adapter.turn();
    if (turn.idle) return;
    while (true) {
      const std::chrono::milliseconds left(turn.next_boot_ms - clock.boot_ms());
      if (left.count() <= 0) break;
      std::this_thread::sleep_for(std::min(left, kLongestSleep));
    }
  }
}

// One of the two commands, with its operands and options understood.
class DirectoryCommand {
 public:
  DirectoryCommand(Context& context, const Arguments& arguments, std::string_view type)
      : context_(context),
        kind_(*find_adapter_kind(type)),
        queue_(arguments.operands[0]),
        directory_(open_posix_dir(arguments.operands[1])->path()),
        settings_(kind_.parse(queue_, directory_, given_values(kind_.keys(), arguments))) {}

  [[nodiscard]] const std::string& directory() const { return directory_; }
  template <typename Settings>
  [[nodiscard]] const Settings& settings() const {
    return std::get<Settings>(settings_);
  }

  // With what is moved going to stdout, and what is not to stderr.
  [[nodiscard]] AdapterPlace place() {
    AdapterPlace place;
    place.root = &context_.root();
    place.clock = &clock_;
    place.counters = &counters_;
    place.name = kind_.type;
    place.on_moved = [this](const MessageId& id, const std::string& file, std::uint64_t size) {
      print(id, file, size);
    };
    place.on_refused = [type = kind_.type](const std::string& subject, const std::string& why) {
      say(type, subject, why);
    };
    return place;
  }
  [[nodiscard]] const Clock& clock() const { return clock_; }

  int follow_it() {
    const StopSignals signals;
    static_cast<void>(context_.queue(queue_));  // a mistyped name is not waited for
    FollowPlan plan;
    plan.config = {.name = std::string(kind_.type) + "-" + queue_,
                   .type = std::string(kind_.type),
                   .settings = settings_,
                   .fingerprint = {},
                   .line = 0};
    plan.root = &context_.root();
    plan.clock = &clock_;
    plan.make = [this](const AdapterConfig& config, const AdapterPlace& given) {
      AdapterPlace mine = place();
      mine.counters = given.counters;
      mine.wake = given.wake;
      mine.on_moved = [this](const MessageId& id, const std::string& file, std::uint64_t size) {
        print(id, file, size);
        flush_out();  // whoever reads them sees them as they happen
      };
      return kind_.make(config.settings, std::move(mine));
    };
    follow(signals, plan);
    return kDone;
  }

  // A word, not an error: --quiet drops it.
  void say_count(std::size_t count, std::string_view what) const {
    if (count == 0 || context_.quiet) return;
    say(kind_.type, directory_,
        std::to_string(count) + (count == 1 ? " file " : " files ") + std::string(what));
  }

 private:
  void print(const MessageId& id, const std::string& file, std::uint64_t size) const {
    if (context_.json) {
      print_line({{"id", id.text()}, {"file", file}, {"size", size}});
    } else {
      write_out((kind_.type == "import" ? id.text() : file) + "\n");
    }
  }

  Context& context_;
  const AdapterKind& kind_;
  const std::string queue_;
  const std::string directory_;
  const AdapterSettings settings_;
  const SystemClock clock_;
  adapters::AdapterCounters counters_;
};

// ---- The two commands

int report_import(const DirectoryCommand& command, const adapters::ImportReport& report) {
  command.say_count(report.left_unfinished, "left: the name is temporary");
  command.say_count(report.left_unsettled, "left: too young, or being written");
  command.say_count(report.left_unreadable, "left: no permission to read");
  command.say_count(report.left_stuck, "left: imported, but not to be removed");
  command.say_count(report.without_records, "without a record");
  command.say_count(report.kept_for_records,
                    "left for its bad records; once it is changed, the good ones are sent again");
  if (report.stopped) {
    if (report.imported == 0) throw Error(*report.stopped);
    say(report.stopped->operation(), report.stopped->subject(), report.stopped->why());
    return kPartly;
  }
  if (report.left() > 0 || report.refused > 0) return kPartly;
  return report.imported > 0 ? kDone : kNothing;
}

int run_import(Context& context, const Arguments& arguments) {
  DirectoryCommand command(context, arguments, "import");
  if (arguments.has(kFollow.name)) return command.follow_it();
  adapters::ImportAdapter adapter(command.settings<adapters::ImportSettings>(), command.place());
  adapters::ImportReport report;
  try {
    run_until_idle(adapter, command.clock());
    report = adapter.report();
  } catch (const Error& error) {
    report = adapter.report();
    if (error.code() != ErrorCode::kTryAgain || report.imported == 0) throw;
    report.stopped = error;
  }
  return report_import(command, report);
}

int run_export(Context& context, const Arguments& arguments) {
  DirectoryCommand command(context, arguments, "export");
  if (arguments.has(kFollow.name)) {
    if (!arguments.has("--limit")) return command.follow_it();
    throw Error(ErrorCode::kUsage, "read options", kFollow.name, "it excludes --limit");
  }
  adapters::ExportAdapter adapter(command.settings<adapters::ExportSettings>(), command.place());
  run_until_idle(adapter, command.clock());
  const adapters::ExportReport& report = adapter.report();
  command.say_count(report.skipped, "not written: the name is taken");
  if (report.stopped) {
    say("export", command.directory(), "too many names are taken: the rest was not tried");
  }
  if (report.left + report.bad > 0) return kPartly;
  return report.exported + report.skipped > 0 ? kDone : kNothing;
}

}  // namespace

std::span<const Command> directory_commands() {
  static const AdapterOptions import_options(adapters::import_keys(), kFollow);
  static const AdapterOptions export_options(adapters::export_keys(), kFollow);
  static const std::array commands = {
      Command{"directories", "import", "Q DIR", 2, 2, false,
              "turns the finished files of a directory into messages, each once",
              "spoolmq import orders /srv/in --include '*.xml' --done /srv/in/done",
              import_options.specs(), run_import},
      Command{"directories", "export", "Q DIR", 2, 2, false,
              "turns the messages of a queue into files of a directory",
              "spoolmq export orders /srv/out --name '{date:%Y%m%d}-{id}.xml' --exists suffix",
              export_options.specs(), run_export},
  };
  return commands;
}

}  // namespace spoolmq::cli

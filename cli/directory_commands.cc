// import and export: one pass between a queue and a directory.

#include <sys/stat.h>

#include <array>
#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "adapters/export.h"
#include "adapters/import.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/output.h"
#include "core/clock.h"
#include "core/file_system.h"

namespace spoolmq::cli {
namespace {

constexpr std::uint32_t kDefaultFileMode = 0644;
constexpr std::uint32_t kMostFileMode = 0777;

constexpr std::array kImportOptions = {
    OptionSpec{"--quiet-for", "D", "leave files that changed within this time (default 2s)"},
    OptionSpec{"--include", "GLOB", "only names that match (may be repeated)", Times::kMany},
    OptionSpec{"--exclude", "GLOB", "no names that match (may be repeated)", Times::kMany},
    OptionSpec{"--keep", "", "imported files stay, and are not imported again"},
    OptionSpec{"--done", "DIR", "imported files go there instead of being removed"},
    OptionSpec{"--errors", "DIR", "files that the queue refuses go there, with the reason"},
};

constexpr std::array kExportOptions = {
    OptionSpec{"--name", "TEMPLATE",
               "of {id} {seq} {name} {stem} {ext} {date:%Y%m%d} {header:NAME} (default {name})"},
    OptionSpec{"--exists", "HOW", "if the name is taken: fail, suffix, replace or skip"},
    OptionSpec{"--mode", "OCTAL", "permission bits of the files (default 0644 less the umask)"},
    OptionSpec{"--limit", "N", "at most so many messages"},
};

Error usage(std::string_view subject, std::string_view why) {
  return {ErrorCode::kUsage, "read options", subject, why};
}

// Files are renamed into it, which works within one file system only.
std::unique_ptr<Dir> open_beside(Dir& source, const Arguments& arguments, std::string_view option) {
  const auto path = arguments.value(option);
  if (!path) return nullptr;
  std::unique_ptr<Dir> dir = open_posix_dir(*path);
  const FileStatus there = dir->status();
  const FileStatus here = source.status();
  if (there.device != here.device) {
    throw usage(std::string(option) + " " + *path,
                "it must be on the file system of " + source.path());
  }
  if (there.inode == here.inode) {
    throw usage(std::string(option) + " " + *path, "it is the imported directory itself");
  }
  return dir;
}

adapters::IdentityDatabase open_identities(Dir& queue_directory, const Queue& queue) {
  return {queue_directory, queue.settings().mode};
}

// A word, not an error: --quiet drops it.
void say_count(const Context& context, std::string_view operation, const Dir& directory,
               std::size_t count, std::string_view what) {
  if (count == 0 || context.quiet) return;
  say(operation, directory.path(),
      std::to_string(count) + (count == 1 ? " file " : " files ") + std::string(what));
}

int run_import(Context& context, const Arguments& arguments) {
  if (arguments.has("--keep") && arguments.has("--done")) {
    throw usage("--keep", "it excludes --done");
  }
  const std::unique_ptr<Dir> source = open_posix_dir(arguments.operands[1]);
  const std::unique_ptr<Dir> done = open_beside(*source, arguments, "--done");
  const std::unique_ptr<Dir> errors = open_beside(*source, arguments, "--errors");
  adapters::ImportOptions options;
  if (const auto quiet_for = arguments.duration("--quiet-for")) options.quiet_for = *quiet_for;
  options.include = arguments.values("--include");
  options.exclude = arguments.values("--exclude");
  if (arguments.has("--keep")) options.after = adapters::AfterImport::kKeep;
  if (done) options.after = adapters::AfterImport::kMoveToDone;
  options.done = done.get();
  options.errors = errors.get();
  options.on_imported = [&](const MessageId& id, const std::string& name, std::uint64_t size) {
    if (context.json) {
      print_line({{"id", id.text()}, {"file", name}, {"size", size}});
    } else {
      write_out(id.text() + "\n");
    }
  };
  options.on_refused = [](const std::string& name, const Error& why) {
    say("import", name, why.what());
  };

  Queue queue = context.queue(arguments.operands[0]);
  const std::unique_ptr<Dir> queue_directory = open_posix_dir(queue.path());
  adapters::IdentityDatabase database = open_identities(*queue_directory, queue);
  adapters::ImportIdentity identity(database);
  const SystemClock clock;
  const adapters::ImportReport report =
      adapters::import_pass(queue, *source, identity, clock, options);
  say_count(context, "import", *source, report.left_unfinished, "left: the name is temporary");
  say_count(context, "import", *source, report.left_unsettled, "left: too young, or being written");
  say_count(context, "import", *source, report.left_unreadable, "left: no permission to read");
  if (report.stopped) {
    if (report.imported == 0) throw Error(*report.stopped);
    say(report.stopped->operation(), report.stopped->subject(), report.stopped->why());
    return kPartly;
  }
  if (report.left() > 0 || report.refused > 0) return kPartly;
  return report.imported > 0 ? kDone : kNothing;
}

adapters::IfTaken parse_if_taken(const std::string& text) {
  if (text == "fail") return adapters::IfTaken::kFail;
  if (text == "suffix") return adapters::IfTaken::kSuffix;
  if (text == "replace") return adapters::IfTaken::kReplace;
  if (text == "skip") return adapters::IfTaken::kSkip;
  throw usage("--exists " + text, "not one of fail suffix replace skip");
}

std::uint32_t file_mode(const Arguments& arguments) {
  const auto text = arguments.value("--mode");
  if (!text) {
    const mode_t mask = ::umask(0);  // there is no way to look without setting
    ::umask(mask);
    return kDefaultFileMode & ~std::uint32_t{mask};
  }
  std::uint32_t mode = 0;
  const char* const end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, mode, 8);
  if (parsed.ec != std::errc() || parsed.ptr != end || mode > kMostFileMode) {
    throw usage("--mode " + *text, "not permission bits in octal, such as 0640");
  }
  return mode;
}

int run_export(Context& context, const Arguments& arguments) {
  adapters::ExportOptions options;
  options.mode = file_mode(arguments);  // before the queue has any thread
  if (const auto name = arguments.value("--name")) {
    options.name = adapters::NameTemplate::parse(*name);
  }
  if (const auto how = arguments.value("--exists")) options.if_taken = parse_if_taken(*how);
  if (const auto limit = arguments.integer("--limit", 1, INT64_MAX)) {
    options.limit = static_cast<std::size_t>(*limit);
  }
  options.on_exported = [&](const MessageId& id, const std::string& name) {
    if (context.json) {
      print_line({{"id", id.text()}, {"file", name}});
    } else {
      write_out(name + "\n");
    }
  };
  options.on_left = [](const MessageId& id, const std::string& name, std::string_view why) {
    say("export", id.text(), name + ": " + std::string(why));
  };

  const std::unique_ptr<Dir> target = open_posix_dir(arguments.operands[1]);
  Queue queue = context.queue(arguments.operands[0]);
  const std::unique_ptr<Dir> queue_directory = open_posix_dir(queue.path());
  adapters::IdentityDatabase database = open_identities(*queue_directory, queue);
  adapters::ExportIdentity identity(database, adapters::identify(*target));
  const adapters::ExportReport report = adapters::export_pass(queue, *target, identity, options);
  say_count(context, "export", *target, report.skipped, "not written: the name is taken");
  if (report.stopped) {
    say("export", target->path(), "too many names are taken: the rest was not tried");
  }
  if (report.left > 0) return kPartly;
  return report.exported + report.skipped > 0 ? kDone : kNothing;
}

constexpr std::array kCommands = {
    Command{"directories", "import", "Q DIR", 2, 2, false,
            "turns the finished files of a directory into messages, each once",
            "spoolmq import orders /srv/in --include '*.xml' --done /srv/in/done", kImportOptions,
            run_import},
    Command{"directories", "export", "Q DIR", 2, 2, false,
            "turns the messages of a queue into files of a directory",
            "spoolmq export orders /srv/out --name '{date:%Y%m%d}-{id}.xml' --exists suffix",
            kExportOptions, run_export},
};

}  // namespace

std::span<const Command> directory_commands() { return kCommands; }

}  // namespace spoolmq::cli

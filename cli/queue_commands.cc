// The queues themselves: create queues show config remove pause resume.

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/streams.h"
#include "cli/table.h"
#include "core/clock.h"
#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

using nlohmann::ordered_json;

// Every setting, under its key in queue.toml.
constexpr std::array kCreateOptions = {
    OptionSpec{"--format", "binary|xml", "how messages are stored"},
    OptionSpec{"--durability", "sync|os", "survive a power cut, or only kill -9"},
    OptionSpec{"--capacity", "N", "at most N messages; 0: senders wait for a receiver"},
    OptionSpec{"--max-bytes", "S", "at most S bytes of messages"},
    OptionSpec{"--overflow", "reject|block", "what a full queue does to senders"},
    OptionSpec{"--lease", "D", "how long a receiver has for a message"},
    OptionSpec{"--max-failures", "N", "failed deliveries before a message goes dead"},
    OptionSpec{"--backoff", "D", "delay after the first failure; it doubles"},
    OptionSpec{"--backoff-max", "D", "the longest such delay"},
    OptionSpec{"--max-redrives", "N", "how often a dead message may be requeued"},
    OptionSpec{"--ttl", "D", "when messages expire; 0: never"},
    OptionSpec{"--archive", "D", "how long acknowledged messages are kept; 0: not at all"},
    OptionSpec{"--dedupe-window", "D", "how long a dedupe key is remembered"},
    OptionSpec{"--id-window", "D", "how long an id that its sender gave is remembered"},
    OptionSpec{"--history", "off|fix|all", "what trace can tell later"},
    OptionSpec{"--content-type", "T", "default header content-type"},
    OptionSpec{"--check", "none|well-formed-xml|utf-8|json", "what a body must be"},
    OptionSpec{"--order-on-dead", "continue|stop", "whether a dead message holds its order key"},
    OptionSpec{"--body-inline", "S", "larger bodies get a file of their own"},
    OptionSpec{"--hot-cache", "S", "newest messages in shared memory, for tails; 0: none"},
    OptionSpec{"--mode", "OCTAL", "permission bits of the queue's files"},
    OptionSpec{"--group", "G", "group of the queue's files"},
};
constexpr std::array kRemoveOptions = {
    OptionSpec{"--force", "", "even with messages in it or while it is in use"},
};
constexpr std::array kPauseOptions = {
    OptionSpec{"--receive", "", "nothing is handed out (default)"},
    OptionSpec{"--send", "", "nothing is taken in"},
    OptionSpec{"--both", "", "neither"},
    OptionSpec{"--for", "D", "ends by itself after D"},
    OptionSpec{"--reason", "T", "shown to whoever asks why"},
};

int run_create(Context& context, const Arguments& arguments) {
  Settings settings;
  for (const OptionSpec& option : kCreateOptions) {
    if (const auto value = arguments.value(option.name)) {
      set_typed_setting(settings, option.name.substr(2), *value);
    }
  }
  const std::string& name = arguments.operands[0];
  const Created created = context.root().create_queue(name, settings);
  if (context.json) {
    put_line(json_line({{"queue", name}, {"created", created == Created::kNew}}));
  }
  return kDone;
}

ordered_json settings_json(const Settings& settings) {
  ordered_json object = ordered_json::object();
  for (const auto& [key, value] : settings_as_text(settings)) object[key] = value;
  return object;
}

ordered_json counts_json(const QueueStats& stats) {
  ordered_json object = ordered_json::object();
  for (std::size_t i = 0; i < kStateCount; ++i) {
    object[std::string(state_name(static_cast<State>(i)))] = stats.states[i].messages;
  }
  return object;
}

std::string pause_text(const Pause& pause) {
  std::string text = pause.receive ? (pause.send ? "both" : "receive") : "send";
  if (pause.until_ms != 0) text += " until " + format_time(pause.until_ms);
  if (!pause.by.empty()) text += " by " + pause.by;
  if (!pause.reason.empty()) text += ": " + pause.reason;
  return text;
}

void add_pause(ordered_json& object, const std::optional<Pause>& pause) {
  if (!pause) return;
  object["paused"] = {{"receive", pause->receive},
                      {"send", pause->send},
                      {"reason", pause->reason},
                      {"by", pause->by}};
  if (pause->until_ms != 0) object["paused"]["until"] = format_time(pause->until_ms);
}

Table queues_table() {
  std::vector<Column> columns{{"NAME"}};
  static constexpr std::array<std::string_view, kStateCount> kTitles = {
      "READY", "DELAYED", "LEASED", "HELD", "DEAD", "CORRUPT", "ARCHIVED"};
  for (const std::string_view title : kTitles) columns.push_back({title, Align::kRight});
  columns.push_back({"PAUSED"});
  return Table(std::move(columns));
}

void add_queue(Context& context, const std::string& name, Table& table) {
  Queue queue = context.queue(name);
  const QueueStats stats = queue.stats();
  const std::optional<Pause> pause = queue.paused();
  if (context.json) {
    ordered_json object{{"name", name}};
    object.update(counts_json(stats));
    add_pause(object, pause);
    put_line(json_line(object));
    return;
  }
  std::vector<std::string> cells{name};
  for (const StateCount& count : stats.states) cells.push_back(std::to_string(count.messages));
  cells.push_back(pause ? pause_text(*pause) : "no");
  table.add(std::move(cells));
}

int run_queues(Context& context, const Arguments&) {
  Table table = queues_table();
  int code = kDone;
  for (const std::string& name : context.root().queues()) {
    try {
      add_queue(context, name, table);
    } catch (const Error& error) {
      // One queue that is not ours to read must not hide the others.
      if (error.code() == ErrorCode::kIo) throw;
      complain(error.what());
      code = kPartly;
    }
  }
  put_out(table.take());
  return code;
}

// Aligned "key  value" lines.
void put_pairs(const std::vector<SettingText>& pairs) {
  std::size_t width = 0;
  for (const auto& [key, value] : pairs) width = std::max(width, key.size());
  for (const auto& [key, value] : pairs) {
    std::string line = key;
    if (!value.empty()) line.append(width - key.size() + 2, ' ').append(value);
    put_line(line);
  }
}

int run_show(Context& context, const Arguments& arguments) {
  Queue queue = context.queue(arguments.operands[0]);
  const QueueStats stats = queue.stats();
  const std::optional<Pause> pause = queue.paused();
  if (context.json) {
    ordered_json object{{"name", queue.name()},
                        {"path", queue.path()},
                        {"settings", settings_json(queue.settings())},
                        {"messages", counts_json(stats)}};
    add_pause(object, pause);
    put_line(json_line(object));
    return kDone;
  }
  std::vector<SettingText> pairs{{"name", queue.name()}, {"path", queue.path()}};
  for (SettingText& setting : settings_as_text(queue.settings())) {
    pairs.push_back(std::move(setting));
  }
  for (std::size_t i = 0; i < kStateCount; ++i) {
    pairs.emplace_back(state_name(static_cast<State>(i)), std::to_string(stats.states[i].messages));
  }
  pairs.emplace_back("paused", pause ? pause_text(*pause) : "no");
  put_pairs(pairs);
  return kDone;
}

int run_config(Context& context, const Arguments& arguments) {
  std::vector<SettingText> changes;
  Settings checked;
  for (std::size_t i = 1; i < arguments.operands.size(); ++i) {
    const std::string& change = arguments.operands[i];
    const std::size_t equals = change.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error(ErrorCode::kUsage, "config", change, "not KEY=VALUE");
    }
    changes.emplace_back(change.substr(0, equals), change.substr(equals + 1));
    set_typed_setting(checked, changes.back().first, changes.back().second);
  }
  Queue queue = context.queue(arguments.operands[0]);
  if (!changes.empty()) {
    queue.configure(changes);
  } else if (context.json) {
    put_line(json_line(settings_json(queue.settings())));
  } else {
    for (const auto& [key, value] : settings_as_text(queue.settings())) put_line(key + "=" + value);
  }
  return kDone;
}

int run_remove(Context& context, const Arguments& arguments) {
  context.root().remove_queue(arguments.operands[0],
                              arguments.has("--force") ? Force::kYes : Force::kNo);
  return kDone;
}

std::string user_name() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr) {
    return entry.pw_name;
  }
  return "uid " + std::to_string(::geteuid());
}

int run_pause(Context& context, const Arguments& arguments) {
  Pause pause;
  pause.send = arguments.has("--send") || arguments.has("--both");
  pause.receive = arguments.has("--receive") || arguments.has("--both") || !pause.send;
  if (const auto length = arguments.duration("--for")) {
    pause.until_ms = SystemClock().wall_ms() + length->count();
  }
  pause.reason = arguments.value("--reason").value_or("");
  pause.by = user_name();
  context.queue(arguments.operands[0]).pause(pause);
  return kDone;
}

int run_resume(Context& context, const Arguments& arguments) {
  context.queue(arguments.operands[0]).resume();
  return kDone;
}

constexpr std::size_t kMaxChanges = 64;

constexpr std::array kCommands = {
    Command{"queues", "create", "Q", 1, 1, false,
            "makes a queue; fine if it is there with equal settings",
            "spoolmq create orders --capacity 10000 --lease 2m", kCreateOptions, run_create,
            kMakesRoot},
    Command{"queues",
            "queues",
            "",
            0,
            0,
            false,
            "lists the queues and what is in them",
            "spoolmq queues",
            {},
            run_queues},
    Command{"queues",
            "show",
            "Q",
            1,
            1,
            false,
            "prints a queue's settings and counts",
            "spoolmq show orders",
            {},
            run_show},
    Command{"queues",
            "config",
            "Q [KEY=VALUE…]",
            1,
            1 + kMaxChanges,
            false,
            "changes settings; without a change prints them",
            "spoolmq config orders lease=2m max-failures=5",
            {},
            run_config},
    Command{"queues", "remove", "Q", 1, 1, false, "removes an empty queue that nobody uses",
            "spoolmq remove orders", kRemoveOptions, run_remove},
    Command{"queues", "pause", "Q", 1, 1, false, "stops receiving, sending or both",
            "spoolmq pause orders --for 10m --reason 'database is down'", kPauseOptions, run_pause},
    Command{"queues",
            "resume",
            "Q",
            1,
            1,
            false,
            "ends a pause",
            "spoolmq resume orders",
            {},
            run_resume},
};

}  // namespace

std::span<const Command> queue_commands() { return kCommands; }

}  // namespace spoolmq::cli

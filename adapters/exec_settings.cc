#include "adapters/exec_settings.h"

#include <array>

#include "adapters/command_run.h"
#include "core/names.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kType = "exec";
constexpr std::uint64_t kMostConcurrency = 64;
constexpr std::uint64_t kMostWindow = 1024;
constexpr std::uint64_t kMostBytes = 1 << 30;

void read_mode(ExecSettings& to, const KeyValue& given) {
  constexpr std::array<std::string_view, 2> kWords{"per-message", "long-lived"};
  to.mode = static_cast<ExecMode>(parse_choice(given, kWords));
}

void read_framing(ExecSettings& to, const KeyValue& given) {
  to.framing = static_cast<FrameKind>(parse_choice(given, kFrameWords));
}

constexpr auto kOwn = std::to_array<KeyRow<ExecSettings>>({
    {{"mode", "per-message|long-lived",
      "a run for each, or one that goes on (default per-message)"},
     read_mode},
    {{"framing", "line|null|netstring|length", "of a long-lived one's messages (default line)"},
     read_framing},
    {{"answers", "", "a long-lived one prints a line for each: ok, again, no, down, stop"},
     [](ExecSettings& to, const KeyValue& given) { to.answers = parse_flag(given); }},
    {{"reply-queue", "Q", "what it prints for a message is the reply, sent there"},
     [](ExecSettings& to, const KeyValue& given) { to.reply_queue = parse_queue(given); }},
    {{"concurrency", "N", "so many at a time (default 1)"},
     [](ExecSettings& to, const KeyValue& given) {
       to.concurrency = parse_count(given, 1, kMostConcurrency);
     }},
    {{"window", "N", "a long-lived one is given so many before it has answered (default 16)"},
     [](ExecSettings& to, const KeyValue& given) {
       to.window = parse_count(given, 1, kMostWindow);
     }},
    {{"timeout", "D", "a run, or the answer to a message, that takes longer has failed"},
     [](ExecSettings& to, const KeyValue& given) { to.timeout = parse_timeout(given); }},
    {{"max-bytes", "SIZE", "of a reply, and of a long-lived one's message (default 10M)"},
     [](ExecSettings& to, const KeyValue& given) {
       to.most_bytes = parse_most_bytes(given, kMostBytes);
     }},
});
constexpr auto kTable = joined(program_rows<ExecSettings>(), kOwn);

void refuse_with(std::span<const KeyValue> given, std::string_view key, std::string_view why) {
  const KeyValue* const found = find_value(given, key);
  if (found != nullptr && found->value != "false") throw clash(*found, why);
}

}  // namespace

std::span<const AdapterKey> exec_keys() {
  static constexpr auto keys = keys_of(kTable);
  return keys;
}

ExecSettings parse_exec_settings(std::span<const KeyValue> given) {
  ExecSettings settings;
  read_keys(settings, given, kTable, kType);
  check_program(settings.program, given, kType);
  if (settings.mode == ExecMode::kPerMessage) {
    for (const std::string_view key : {"framing", "answers", "window"}) {
      refuse_with(given, key, "it is for mode long-lived");
    }
    const bool other = !settings.program.user.empty() || !settings.program.group.empty();
    if (other && uses_file(settings.program.words)) {
      refuse_with(given, settings.program.user.empty() ? "group" : "user",
                  "the file that {} stands for is readable to us only");
    }
    return settings;
  }
  refuse_both(given, "answers", "reply-queue");
  if (settings.timeout && !settings.answers && settings.reply_queue.empty()) {
    refuse_with(given, "timeout", "it is for answers or replies, and none are awaited");
  }
  return settings;
}

}  // namespace spoolmq::adapters

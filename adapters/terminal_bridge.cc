#include "adapters/terminal_bridge.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "adapters/launch.h"
#include "adapters/program_adapter.h"
#include "adapters/terminal_program.h"
#include "core/text.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kType = "pty";
constexpr std::uint64_t kMostConcurrency = 64;
constexpr std::uint64_t kMostBytes = 64 << 20;
constexpr std::uint64_t kMostCells = 65535;  // winsize, tty_ioctl(4)
constexpr std::size_t kMostPromptBytes = 1024;

void read_prompt(TerminalSettings& to, const KeyValue& given) {
  if (given.value.size() > kMostPromptBytes || glob_match(given.value, "")) {
    throw bad_value(given, "it must be a pattern that an empty line does not match");
  }
  to.prompt = given.value;
}

constexpr auto kOwn = std::to_array<KeyRow<TerminalSettings>>({
    {{"prompt", "GLOB", "it is ready when the line that it stands in is like this: '>>> '"},
     read_prompt},
    {{"quiet-for", "D", "it has no prompt: it is ready when it has printed nothing for D"},
     [](TerminalSettings& to, const KeyValue& given) { to.quiet_for = parse_timeout(given); }},
    {{"columns", "N", "of the terminal (default 4096: nothing is wrapped)"},
     [](TerminalSettings& to, const KeyValue& given) {
       to.shape.columns = static_cast<std::uint16_t>(parse_count(given, 1, kMostCells));
     }},
    {{"rows", "N", "of the terminal (default 24)"},
     [](TerminalSettings& to, const KeyValue& given) {
       to.shape.rows = static_cast<std::uint16_t>(parse_count(given, 1, kMostCells));
     }},
    {{"echo", "", "what is typed is shown, by terminal or program; it is taken off the reply"},
     [](TerminalSettings& to, const KeyValue& given) { to.shape.echo = parse_flag(given); }},
    {{"keep-escapes", "", "the terminal's escape sequences stay in the reply"},
     [](TerminalSettings& to, const KeyValue& given) { to.keep_escapes = parse_flag(given); }},
    {{"reply-queue", "Q", "what it prints for a message is the reply, sent there"},
     [](TerminalSettings& to, const KeyValue& given) { to.reply_queue = parse_queue(given); }},
    {{"concurrency", "N", "so many of it (default 1)"},
     [](TerminalSettings& to, const KeyValue& given) {
       to.concurrency = parse_count(given, 1, kMostConcurrency);
     }},
    {{"timeout", "D", "the message has failed if it is not ready again by then (default 30s)"},
     [](TerminalSettings& to, const KeyValue& given) { to.timeout = parse_timeout(given); }},
    {{"ready-timeout", "D", "until it is ready for the first message (default 30s)"},
     [](TerminalSettings& to, const KeyValue& given) { to.ready_timeout = parse_timeout(given); }},
    {{"max-bytes", "SIZE", "of a reply (default 1M)"},
     [](TerminalSettings& to, const KeyValue& given) {
       to.most_bytes = parse_most_bytes(given, kMostBytes);
     }},
});
constexpr auto kTable = joined(program_rows<TerminalSettings>(), kOwn);

// One that knows how to edit lines and to draw does neither.
void add_terminal_type(std::vector<std::string>& environment, const ProgramSettings& program) {
  constexpr std::string_view kTerm = "TERM=";
  const auto is_type = [](const std::string& variable) { return variable.starts_with(kTerm); };
  if (std::ranges::any_of(program.environment, is_type)) return;
  std::erase_if(environment, is_type);
  environment.push_back(std::string(kTerm) + "dumb");
}

// Holds what its programs have views of.
class TerminalAdapter final : public Adapter {
 public:
  TerminalAdapter(const std::string& queue, const TerminalSettings& settings, AdapterPlace place) {
    rules_.launch = prepare_launch(settings.program);
    add_terminal_type(rules_.launch.environment, settings.program);
    rules_.shape = settings.shape;
    rules_.prompt = settings.prompt;
    rules_.quiet_for = settings.quiet_for;
    rules_.escapes =
        settings.keep_escapes ? TerminalText::Escapes::kKeep : TerminalText::Escapes::kStrip;
    rules_.reply = !settings.reply_queue.empty();
    rules_.most_bytes = settings.most_bytes;
    rules_.timeout = settings.timeout;
    rules_.ready_timeout = settings.ready_timeout;
    ProgramAdapter::Programs programs;
    for (std::size_t i = 0; i < settings.concurrency; ++i) {
      programs.push_back(std::make_unique<TerminalProgram>(rules_));
    }
    ProgramAdapter::Parts parts{queue, settings.reply_queue, command_text(settings.program.words),
                                settings.concurrency};
    inner_.emplace(std::move(parts), std::move(programs), std::move(place));
  }

  Turn turn() override { return inner_->turn(); }
  void interrupt() override { inner_->interrupt(); }

 private:
  TerminalRules rules_;
  std::optional<ProgramAdapter> inner_;  // last: its programs have views of the rules
};

}  // namespace

std::span<const AdapterKey> terminal_keys() {
  static constexpr auto keys = keys_of(kTable);
  return keys;
}

TerminalSettings parse_terminal_settings(std::span<const KeyValue> given) {
  TerminalSettings settings;
  read_keys(settings, given, kTable, kType);
  check_program(settings.program, given, kType);
  refuse_both(given, "prompt", "quiet-for");
  if (settings.prompt.empty() && settings.quiet_for.count() == 0) {
    throw Error(ErrorCode::kUsage, kClashOperation, "prompt or quiet-for",
                "a pty needs one of them");
  }
  return settings;
}

std::shared_ptr<const BridgePlan> parse_terminal(std::string queue,
                                                 std::span<const KeyValue> given) {
  TerminalSettings settings = parse_terminal_settings(given);
  std::string place = command_text(settings.program.words);
  return std::make_shared<PlanOf<TerminalSettings, TerminalAdapter>>(
      std::move(queue), std::move(place), std::move(settings));
}

}  // namespace spoolmq::adapters

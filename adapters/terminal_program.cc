#include "adapters/terminal_program.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "adapters/last_words.h"
#include "adapters/pipe.h"
#include "adapters/whole_body.h"
#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostAtOnce = 64 << 10;      // read of one program before others have a turn
constexpr std::size_t kMostTypedBytes = 64 << 10;  // of a line that the program edits by itself
constexpr std::size_t kMostIdleBytes = 4096;       // of what it prints for no message
constexpr std::size_t kMostShownBytes = 512;       // of its last output, in a reason
constexpr Milliseconds kGrace{100};
constexpr Milliseconds kPeace{4'000};

bool is_control(char byte) { return static_cast<unsigned char>(byte) < ' ' || byte == '\x7f'; }

// The end of what it printed, as one line.
std::string shown(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  if (text.size() > kMostShownBytes) text.remove_prefix(text.size() - kMostShownBytes);
  std::string line(text);
  std::ranges::replace(line, '\n', ' ');
  return printable(line);
}

}  // namespace

TerminalProgram::Running::Running(const TerminalRules& rules, std::int64_t now_boot_ms)
    : terminal(rules.shape),
      text(rules.escapes, rules.reply ? rules.most_bytes : kMostIdleBytes),
      since_boot_ms(now_boot_ms),
      last_output_boot_ms(now_boot_ms) {
  Child::Start start;
  start.command = rules.launch.words;
  start.environment = rules.launch.environment;
  start.privileges = rules.launch.privileges;
  start.terminal = terminal.slave_path();
  child.emplace(start);
}

TerminalProgram::Running::~Running() {
  if (child && !child->has_ended()) foreground = terminal.foreground();
  if (foreground > 0) ::kill(-foreground, SIGKILL);
}

// ---- The queue's side

bool TerminalProgram::has_room() const {
  return running_ && running_->stage == Stage::kReady && !running_->broken && !winding_up_;
}

std::optional<Outcome> TerminalProgram::put(Delivery& delivery, std::int64_t now_boot_ms) {
  const MessageId id = delivery.message().id;
  std::optional<std::string> line;
  try {
    line = whole_body(delivery, kMostTypedBytes);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    return Outcome{id, Verdict::kReject, "body cannot be read: " + error.why()};
  }
  if (line && line->ends_with('\n')) line->pop_back();
  const std::optional<std::string> why =
      line ? refusal(*line)
           : "its line is longer than " + std::to_string(kMostTypedBytes) + " bytes";
  if (why) return Outcome{id, Verdict::kReject, *why};
  Running& running = *running_;
  const Terminal::Input input = running.terminal.input();
  running.id = id;
  running.typed = *line;
  running.outgoing = *std::move(line);
  running.outgoing.push_back(input.canonical && !input.return_is_newline ? '\n' : '\r');
  running.stage = Stage::kBusy;
  running.text.clear();
  running.since_boot_ms = running.last_output_boot_ms = now_boot_ms;
  return std::nullopt;
}

// What would act on the terminal instead of being read by the program.
std::optional<std::string> TerminalProgram::refusal(const std::string& line) const {
  const bool canonical = running_->terminal.input().canonical;
  for (const char byte : line) {
    if (!is_control(byte) || (byte == '\t' && canonical)) continue;
    return "its body has a control character in it (" +
           std::to_string(static_cast<unsigned>(static_cast<unsigned char>(byte))) +
           "), which acts on a terminal";
  }
  if (!canonical || line.size() <= Terminal::kMostLineBytes) return std::nullopt;
  return "its line is longer than " + std::to_string(Terminal::kMostLineBytes) +
         " bytes, which is what a terminal takes";
}

std::optional<std::string> TerminalProgram::why_down() const {
  if (running_) return std::nullopt;
  return why_down_;
}

// ---- The program's side

std::int64_t TerminalProgram::attend(std::int64_t now_boot_ms, Listen listen,
                                     std::vector<Outcome>& told) {
  if (!running_ && !winding_up_ && now_boot_ms >= pause_.until_boot_ms()) start(now_boot_ms, told);
  if (!running_) return winding_up_ ? INT64_MAX : pause_.until_boot_ms();
  if (listen == Listen::kNo) return running_->child->attend(now_boot_ms);
  const bool ended = running_->child->has_ended();  // before the last look at what it printed
  write(now_boot_ms);
  const bool more = read(now_boot_ms);
  if (!running_->broken && is_ready(now_boot_ms)) became_ready(now_boot_ms, told);
  if (ended && !more) {
    finish(now_boot_ms, told);
    return winding_up_ ? INT64_MAX : pause_.until_boot_ms();
  }
  if (more) return 0;
  if (now_boot_ms >= late_boot_ms()) {
    break_off(running_->stage == Stage::kBusy ? "it did not get ready again in time"
                                              : "it did not get ready in time",
              now_boot_ms);
  }
  return std::min(running_->child->attend(now_boot_ms), due_boot_ms());
}

void TerminalProgram::gather(std::vector<pollfd>& waited, Listen listen) const {
  if (!running_ || listen == Listen::kNo) return;
  const Running& running = *running_;
  waited.push_back({running.child->descriptor(), POLLIN, 0});
  if (running.hung_up) return;  // a terminal that was hung up is always readable
  const short events = static_cast<short>(running.outgoing.empty() ? POLLIN : POLLIN | POLLOUT);
  waited.push_back({running.terminal.master().number(), events, 0});
}

void TerminalProgram::start(std::int64_t now_boot_ms, std::vector<Outcome>& told) {
  try {
    running_.emplace(rules_, now_boot_ms);
  } catch (const Error& error) {
    why_down_ = error.what();
    pause_.ended(now_boot_ms);
    if (end_of_failed_start(error)) told.push_back({MessageId(), Verdict::kStop, why_down_});
  }
}

void TerminalProgram::write(std::int64_t now_boot_ms) {
  Running& running = *running_;
  if (running.outgoing.empty() || running.broken) return;
  std::string_view rest = running.outgoing;
  const bool is_there = write_some(running.terminal.master(), rest);
  running.outgoing.erase(0, running.outgoing.size() - rest.size());
  if (!is_there) break_off("it closed its terminal", now_boot_ms);
}

// Whether there may be more.
bool TerminalProgram::read(std::int64_t now_boot_ms) {
  Running& running = *running_;
  if (running.hung_up) return false;
  const auto take = [&running, now_boot_ms](std::string_view bytes) {
    running.text.feed(bytes);
    running.last_output_boot_ms = now_boot_ms;
  };
  const ReadEnd end = read_pieces(running.terminal.master(), kMostAtOnce, take);
  // The slave is not open before the child has opened it; afterwards that is its end.
  if (end == ReadEnd::kEnded) {
    running.hung_up = true;
    running.closed_itself = !running.broken;
    break_off("it closed its terminal", now_boot_ms);
  }
  return end == ReadEnd::kMore;
}

bool TerminalProgram::is_ready(std::int64_t now_boot_ms) const {
  const Running& running = *running_;
  if (running.stage == Stage::kReady || !running.outgoing.empty()) return false;
  if (!rules_.prompt.empty()) return glob_match(rules_.prompt, running.text.last_line());
  return now_boot_ms >= running.last_output_boot_ms + rules_.quiet_for.count();
}

void TerminalProgram::became_ready(std::int64_t now_boot_ms, std::vector<Outcome>& told) {
  Running& running = *running_;
  if (std::exchange(running.stage, Stage::kReady) == Stage::kBusy) {
    Outcome outcome{std::exchange(running.id, {})};
    if (rules_.reply && running.text.is_too_long()) {
      outcome.verdict = Verdict::kReject;
      outcome.why = "its reply is longer than " + std::to_string(rules_.most_bytes) + " bytes";
    } else if (rules_.reply) {
      outcome.reply = reply();
    }
    pause_.did_good();
    told.push_back(std::move(outcome));
  }
  running.text.clear();
  running.since_boot_ms = now_boot_ms;
}

std::string TerminalProgram::reply() const {
  std::string_view text = running_->text.text();
  if (!rules_.prompt.empty()) text.remove_suffix(running_->text.last_line().size());
  if (rules_.shape.echo && text.starts_with(running_->typed)) {
    text.remove_prefix(running_->typed.size());
    if (text.starts_with('\n')) text.remove_prefix(1);
  }
  if (text.ends_with('\n')) text.remove_suffix(1);
  return std::string(text);
}

// ---- Its end

std::int64_t TerminalProgram::late_boot_ms() const {
  const Running& running = *running_;
  if (running.stage == Stage::kReady || running.broken) return INT64_MAX;
  return running.since_boot_ms +
         (running.stage == Stage::kBusy ? rules_.timeout : rules_.ready_timeout).count();
}

std::int64_t TerminalProgram::due_boot_ms() const {
  const Running& running = *running_;
  if (running.stage == Stage::kReady || running.broken) return INT64_MAX;
  if (!rules_.prompt.empty()) return late_boot_ms();
  return std::min(late_boot_ms(), running.last_output_boot_ms + rules_.quiet_for.count());
}

void TerminalProgram::break_off(std::string why, std::int64_t now_boot_ms) {
  if (running_->broken) return;
  running_->broken = std::move(why);
  running_->foreground = running_->terminal.foreground();
  // What the end of a terminal is to its programs: a shell that reads commands heeds no TERM.
  if (!running_->closed_itself) running_->child->signal_group(SIGHUP);
  running_->child->end(now_boot_ms, kGrace);
}

void TerminalProgram::finish(std::int64_t now_boot_ms, std::vector<Outcome>& told) {
  Running& running = *running_;
  const bool was_told = running.child->was_told_to_end();
  const CommandEnd end = running.child->reap(Rest::kKill);
  running.child.reset();
  const bool by_itself = !running.broken || (running.closed_itself && !was_told);
  const Verdict said = by_itself ? verdict_of(end) : Verdict::kNack;
  why_down_ = with_words(by_itself ? describe(end) : *running.broken, shown(running.text.text()));
  const Verdict of_this = is_out_of_order(said) ? said : Verdict::kNack;
  const Verdict verdict = winding_up_ ? Verdict::kRelease : of_this;
  if (running.stage == Stage::kBusy || is_out_of_order(verdict)) {
    told.push_back({running.id, verdict, why_down_});
  }
  running_.reset();
  pause_.ended(now_boot_ms);
}

void TerminalProgram::wind_up(std::int64_t now_boot_ms) {
  winding_up_ = true;
  if (!running_) return;
  if (running_->stage == Stage::kBusy) {
    running_->child->end(now_boot_ms, kPeace);
  } else {
    break_off("the service ends", now_boot_ms);
  }
}

}  // namespace spoolmq::adapters

#include "adapters/fed_program.h"

#include <algorithm>
#include <utility>

#include "adapters/whole_body.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostAtOnce = 256 << 10;   // read of one program before others have a turn
constexpr std::size_t kMostOutgoing = 64 << 10;  // what a pipe holds; one message may be larger
constexpr Milliseconds kGrace{100};              // a program that closed a pipe mostly ends at once
constexpr Milliseconds kPeace{4'000};            // at the end of the service, with messages
constexpr Milliseconds kIdlePeace{1'000};        // and without

FrameRules answer_rules(const FedRules& rules) {
  if (rules.answers == Answers::kReplies) return {rules.framing, rules.most_bytes};
  return {FrameKind::kLine, kMostAnswerBytes};
}

}  // namespace

FedProgram::Running::Running(const FedRules& rules, FrameRules answers)
    : words(rules.speaker), reader(answers) {
  Pipe to(Pipe::Ours::kWrites);
  std::optional<Pipe> from;
  if (rules.answers != Answers::kNone) from.emplace(Pipe::Ours::kReads);
  Child::Start start;
  start.command = rules.launch.words;
  start.environment = rules.launch.environment;
  start.privileges = rules.launch.privileges;
  start.standard_input = to.theirs.number();
  start.standard_output = from ? from->theirs.number() : words.their_end();
  start.standard_error = words.their_end();
  child.emplace(start);
  words.close_their_end();
  input = std::move(to.ours);
  if (from) output = std::move(from->ours);
}

// ---- The queue's side

bool FedProgram::has_room() const {
  return running_ && !running_->broken && running_->input.is_open() && !winding_up_ &&
         running_->under_way.size() < rules_.window && running_->waiting() < kMostOutgoing;
}

std::optional<Outcome> FedProgram::put(Delivery& delivery, std::int64_t now_boot_ms) {
  const MessageId id = delivery.message().id;
  Running& running = *running_;
  std::optional<std::string> body;
  try {
    body = whole_body(delivery, rules_.most_bytes);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    return Outcome{id, Verdict::kReject, "body cannot be read: " + error.why()};
  }
  if (!body) {
    return Outcome{id, Verdict::kReject,
                   "its body is longer than " + std::to_string(rules_.most_bytes) + " bytes"};
  }
  const std::uint64_t begin = running.written + running.waiting();
  if (!append_frame(running.outgoing, rules_.framing, *body)) {
    return Outcome{id, Verdict::kReject,
                   "its body has the byte in it that ends a frame of the framing " +
                       std::string(kFrameWords[static_cast<std::size_t>(rules_.framing)])};
  }
  if (running.under_way.empty()) running.oldest_since_boot_ms = now_boot_ms;
  running.under_way.push_back({id, begin, running.written + running.waiting()});
  return std::nullopt;
}

std::optional<std::string> FedProgram::why_down() const {
  if (running_) return std::nullopt;
  return why_down_;
}

// ---- The program's side

std::int64_t FedProgram::attend(std::int64_t now_boot_ms, Listen listen,
                                std::vector<Outcome>& told) {
  if (!running_ && !winding_up_ && now_boot_ms >= pause_.until_boot_ms()) start(now_boot_ms, told);
  if (!running_) return winding_up_ ? INT64_MAX : pause_.until_boot_ms();
  const bool ended = running_->child->has_ended();  // before the last look at what it said
  running_->words.read(now_boot_ms);
  write(now_boot_ms, told);
  // What is kept waiting by us is not late.
  if (listen == Listen::kNo) {
    running_->oldest_since_boot_ms = now_boot_ms;
    return running_->child->attend(now_boot_ms);
  }
  while (read(now_boot_ms, told) == ReadEnd::kMore && ended) {
  }
  if (ended) {
    finish(now_boot_ms, told);
    return running_ || winding_up_ ? INT64_MAX : pause_.until_boot_ms();
  }
  if (winding_up_ && running_->under_way.empty()) running_->input.close();
  if (now_boot_ms >= timeout_boot_ms()) break_off("no answer came in time", now_boot_ms);
  return std::min(running_->child->attend(now_boot_ms), timeout_boot_ms());
}

void FedProgram::gather(std::vector<pollfd>& waited, Listen listen) const {
  if (!running_) return;
  const Running& running = *running_;
  waited.push_back({running.words.descriptor(), POLLIN, 0});
  if (running.waiting() > 0) waited.push_back({running.input.number(), POLLOUT, 0});
  if (listen == Listen::kNo) return;
  waited.push_back({running.child->descriptor(), POLLIN, 0});
  if (!running.broken) waited.push_back({running.output.number(), POLLIN, 0});
}

void FedProgram::start(std::int64_t now_boot_ms, std::vector<Outcome>& told) {
  try {
    running_.emplace(rules_, answer_rules(rules_));
    if (why_down_.empty()) why_down_ = "it has not been started";
  } catch (const Error& error) {
    why_down_ = error.what();
    pause_.ended(now_boot_ms);
    if (end_of_failed_start(error)) told.push_back({MessageId(), Verdict::kStop, why_down_});
  }
}

void FedProgram::write(std::int64_t now_boot_ms, std::vector<Outcome>& told) {
  Running& running = *running_;
  if (running.waiting() == 0 || !running.input.is_open()) return;
  std::string_view rest = std::string_view(running.outgoing).substr(running.sent);
  const bool is_read = write_some(running.input, rest);
  running.written += running.waiting() - rest.size();
  running.sent = running.outgoing.size() - rest.size();
  if (running.sent >= kMostOutgoing || running.waiting() == 0) {
    if (running.sent * 2 >= running.outgoing.size()) {
      running.outgoing.erase(0, std::exchange(running.sent, 0));
    }
  }
  while (rules_.answers == Answers::kNone && !running.under_way.empty() &&
         running.under_way.front().end <= running.written) {
    told.push_back({running.under_way.front().id, Verdict::kAck});
    running.under_way.pop_front();
    running.oldest_since_boot_ms = now_boot_ms;
    pause_.did_good();
  }
  if (is_read) return;
  running.input.close();
  running.sent = running.outgoing.size();
  closed("it closed its standard input", now_boot_ms);
}

ReadEnd FedProgram::read(std::int64_t now_boot_ms, std::vector<Outcome>& told) {
  Running& running = *running_;
  if (!running.output.is_open() || running.broken) return ReadEnd::kEnded;
  const auto take = [&running](std::string_view bytes) { running.reader.feed(bytes); };
  const ReadEnd end = read_pieces(running.output, kMostAtOnce, take);
  take_frames(&FrameReader::next, now_boot_ms, told);
  if (end != ReadEnd::kEnded || running.broken) return end;
  running.output.close();
  running.closed = true;
  take_frames(&FrameReader::next_at_end, now_boot_ms, told);
  closed("it closed its standard output", now_boot_ms);
  return end;
}

void FedProgram::take_frames(Found (FrameReader::*next)(std::string&), std::int64_t now_boot_ms,
                             std::vector<Outcome>& told) {
  Running& running = *running_;
  std::string frame;
  while (!running.broken) {
    const Found found = (running.reader.*next)(frame);
    if (found == Found::kNothing) return;
    if (found == Found::kBroken) {
      break_off(running.reader.why(), now_boot_ms);
    } else if (running.under_way.empty() || running.under_way.front().begin >= running.written) {
      break_off("it answered what it was not asked", now_boot_ms);
    } else {
      answered(found, std::move(frame), now_boot_ms, told);
    }
  }
}

void FedProgram::answered(Found found, std::string frame, std::int64_t now_boot_ms,
                          std::vector<Outcome>& told) {
  Running& running = *running_;
  Outcome outcome{running.under_way.front().id};
  if (rules_.answers == Answers::kVerdicts) {
    const std::optional<Answer> answer =
        found == Found::kFrame ? parse_answer(frame) : std::nullopt;
    if (!answer) {
      break_off("an answer begins with none of ok, again, no, down, stop", now_boot_ms);
      return;
    }
    outcome.verdict = answer->verdict;
    outcome.why = answer->text;
  } else if (found == Found::kFrame) {
    outcome.reply = std::move(frame);
  } else {
    outcome.verdict = Verdict::kReject;
    outcome.why = "its reply is longer than " + std::to_string(rules_.most_bytes) + " bytes";
  }
  if (outcome.verdict == Verdict::kAck) pause_.did_good();
  told.push_back(std::move(outcome));
  running.under_way.pop_front();
  running.oldest_since_boot_ms = now_boot_ms;
}

// ---- Its end

// Its input ends when it has answered: then it may end by itself.
void FedProgram::wind_up(std::int64_t now_boot_ms) {
  winding_up_ = true;
  if (!running_) return;
  if (running_->under_way.empty()) running_->input.close();
  running_->child->end(now_boot_ms, running_->under_way.empty() ? kIdlePeace : kPeace);
}

std::int64_t FedProgram::timeout_boot_ms() const {
  if (!rules_.timeout || running_->under_way.empty() || running_->broken) return INT64_MAX;
  return running_->oldest_since_boot_ms + rules_.timeout->count();
}

void FedProgram::break_off(std::string why, std::int64_t now_boot_ms) {
  if (running_->broken) return;
  running_->broken = std::move(why);
  running_->child->end(now_boot_ms, kGrace);
}

void FedProgram::closed(std::string why, std::int64_t now_boot_ms) {
  if (running_->broken) return;
  running_->closed = true;
  break_off(std::move(why), now_boot_ms);
}

void FedProgram::finish(std::int64_t now_boot_ms, std::vector<Outcome>& told) {
  Running& running = *running_;
  if (running.output.is_open() && !running.broken) {
    running.closed = true;
    take_frames(&FrameReader::next_at_end, now_boot_ms, told);
  }
  const CommandEnd end = running.child->reap(Rest::kKill);
  const bool by_itself = !running.broken || (running.closed && !running.child->was_told_to_end());
  why_down_ = with_words(by_itself ? describe(end) : *running.broken, running.words.text());
  const Verdict said = by_itself ? verdict_of(end) : Verdict::kNack;
  const Verdict of_this = is_out_of_order(said) ? said : Verdict::kNack;
  settle_rest(winding_up_ ? Verdict::kRelease : of_this, why_down_, told);
  running_.reset();
  pause_.ended(now_boot_ms);
}

// The oldest is the one it died on, unless it never saw a byte of it.
void FedProgram::settle_rest(Verdict oldest, const std::string& why, std::vector<Outcome>& told) {
  std::deque<UnderWay> rest = std::exchange(running_->under_way, {});
  MessageId died_on;
  if (!rest.empty() && rest.front().begin < running_->written) {
    died_on = rest.front().id;
    rest.pop_front();
  }
  for (const UnderWay& one : rest) told.push_back({one.id, Verdict::kRelease});
  if (died_on.is_nil() && !is_out_of_order(oldest)) return;
  told.push_back({died_on, oldest, why});
}

}  // namespace spoolmq::adapters

#include "adapters/program_adapter.h"

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

using Listen = MessageProgram::Listen;

constexpr std::int64_t kHoldMs = 1'000;     // after a refusal of a queue
constexpr std::int64_t kLookAgainMs = 250;  // whether the queue is empty
constexpr std::int64_t kWindUpMs = 5'000;
constexpr Milliseconds kRunnersPause{1'000};  // the least that the runner pauses (adapter.h)

ProbeSchedule::Time time_of(std::int64_t boot_ms) {
  return ProbeSchedule::Time(std::chrono::milliseconds(boot_ms));
}

OpenOptions named(const std::string& name) {
  OpenOptions options;
  options.name = name;
  return options;
}

}  // namespace

ProgramAdapter::ProgramAdapter(Parts parts, Programs programs, AdapterPlace place)
    : PolledAdapter(*place.clock),
      place_(std::move(place)),
      parts_(std::move(parts)),
      queue_(place_.root->open_queue(parts_.queue, named(place_.name))),
      programs_(std::move(programs)) {
  if (!parts_.reply_queue.empty()) replies_.emplace(place_, parts_.reply_queue);
}

ProgramAdapter::~ProgramAdapter() {
  try {
    wind_up();
  } catch (const std::exception& error) {
    log::warn("could not settle what was under way",
              {{"adapter", place_.name}, {"why", error.what()}});
  }
}

PolledAdapter::Step ProgramAdapter::step() {
  const std::int64_t now_boot_ms = clock().boot_ms();
  Step step;
  step.next_boot_ms = attend(now_boot_ms);
  try {
    step.next_boot_ms = std::min(step.next_boot_ms, move(now_boot_ms));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kTryAgain || under_way() == 0) {
      give_back();
      throw;
    }
    // Programs have messages: they are attended to all the same, and their leases extended.
    if (std::exchange(trouble_, error.what()).empty()) {
      log::warn("waits for its queue", {{"adapter", place_.name}, {"why", error.what()}});
    }
    hold_boot_ms_ = now_boot_ms + kHoldMs;
    step.next_boot_ms = std::min(step.next_boot_ms, hold_boot_ms_);
  }
  if (place_.once) {
    step.over = is_done(now_boot_ms);
    step.next_boot_ms = std::min(step.next_boot_ms, now_boot_ms + kLookAgainMs);
  }
  return step;
}

void ProgramAdapter::gather(std::vector<pollfd>& waited) {
  const bool has_room =
      std::ranges::any_of(programs_, [](const auto& program) { return program->has_room(); });
  if (outflow_ && pass_ && has_room && hold_boot_ms_ <= clock().boot_ms() && !why_not()) {
    waited.push_back({outflow_->descriptor(), POLLIN, 0});
  }
  for (const auto& program : programs_) program->gather(waited, listen());
}

Listen ProgramAdapter::listen() const {
  return replies_ && replies_->is_full() ? Listen::kNo : Listen::kYes;
}

// ---- What programs say

std::int64_t ProgramAdapter::attend(std::int64_t now_boot_ms) {
  std::int64_t next_boot_ms = INT64_MAX;
  for (const auto& program : programs_) {
    next_boot_ms = std::min(next_boot_ms, program->attend(now_boot_ms, listen(), told_));
    for (const Outcome& outcome : std::exchange(told_, {})) note(outcome);
  }
  return next_boot_ms;
}

void ProgramAdapter::note(const Outcome& outcome) {
  switch (outcome.verdict) {
    case Verdict::kPause:
      why_unavailable_ = outcome.why;
      note_met(Met::kUnavailable);
      break;
    case Verdict::kStop:
      why_stopped_ = outcome.why;
      break;
    case Verdict::kAck:
    case Verdict::kNack:
    case Verdict::kReject:
      note_met(Met::kAnswer);
      break;
    case Verdict::kRelease:
    case Verdict::kNone:
      note_met(Met::kNoMessage);
  }
  if (outcome.id.is_nil()) return;
  const Delivery* const request = outcome.reply && replies_ ? outflow_->find(outcome.id) : nullptr;
  if (request != nullptr) {
    replies_->add(request->message(), *outcome.reply);
  } else {
    settle(outcome);
  }
}

// Ends a probe, or begins a pause.
void ProgramAdapter::note_met(Met met) {
  const Pass pass = pass_.value_or(Pass::kNormal);
  schedule_.leave(pass, met, time_of(clock().boot_ms()));
  if (pass == Pass::kProbe || met == Met::kUnavailable) pass_.reset();
}

// A queue that is locked takes back nothing now: the delivery's own end does, or its lease's.
void ProgramAdapter::settle(const Outcome& outcome) {
  try {
    outflow_->settle(outcome.id, outcome.verdict, outcome.why);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kTryAgain) throw;
    log::warn("could not settle a message, it will be delivered again",
              {{"adapter", place_.name}, {"id", outcome.id.text()}, {"why", error.what()}});
  }
}

// ---- The queue's side

std::int64_t ProgramAdapter::move(std::int64_t now_boot_ms) {
  std::int64_t next_boot_ms = outflow_ ? outflow_->extend_due() : INT64_MAX;
  if (now_boot_ms < hold_boot_ms_) return std::min(next_boot_ms, hold_boot_ms_);
  settle_replies();
  if (outflow_) outflow_->flush();
  trouble_.clear();
  if (const auto why = why_not()) {
    return under_way() == 0 ? pause(now_boot_ms, *why) : next_boot_ms;
  }
  if (!pass_ && under_way() == 0) static_cast<void>(enter(now_boot_ms));
  // Whoever was handed one says at once when it wants to be looked at.
  return pass_ && take(now_boot_ms) ? 0 : next_boot_ms;
}

void ProgramAdapter::settle_replies() {
  if (!replies_) return;
  for (const Outcome& outcome : replies_->flush()) settle(outcome);
}

std::optional<std::string> ProgramAdapter::why_not() const {
  if (!why_stopped_.empty()) return why_stopped_;
  if (!schedule_.is_open() && pass_ != Pass::kProbe) return why_unavailable_;
  return why_down();
}

// One that runs is enough.
std::optional<std::string> ProgramAdapter::why_down() const {
  std::optional<std::string> why;
  for (const auto& program : programs_) {
    why = program->why_down();
    if (!why) return std::nullopt;
  }
  return why;
}

bool ProgramAdapter::enter(std::int64_t by_boot_ms) {
  pass_ = schedule_.try_enter(time_of(by_boot_ms));
  if (!pass_) return false;
  outflow_.emplace(queue_, place_, pass_ == Pass::kProbe ? 1 : parts_.window);
  return true;
}

void ProgramAdapter::give_back() {
  if (pass_ == Pass::kProbe) note_met(Met::kNoMessage);
  pass_.reset();
  outflow_.reset();
}

// What is here goes back to the queue, and the runner is told, but for a command that ends by
// itself.
std::int64_t ProgramAdapter::pause(std::int64_t now_boot_ms, const std::string& why) {
  const bool begins = outflow_.has_value();
  give_back();
  if (!why_stopped_.empty()) throw Error(ErrorCode::kConfiguration, "run", parts_.subject, why);
  if (place_.once) {
    if (!why_down()) static_cast<void>(enter(now_boot_ms));
    return now_boot_ms + kLookAgainMs;
  }
  // The runner has waited already for a part of the pause.
  if (!begins && !why_down() && enter(now_boot_ms + kRunnersPause.count())) return 0;
  for (const auto& program : programs_) program->shorten_pause(kRunnersPause);
  throw Error(ErrorCode::kTryAgain, "run", parts_.subject, why);
}

bool ProgramAdapter::take(std::int64_t now_boot_ms) {
  bool took = false;
  for (bool any = true; any;) {
    any = false;
    for (const auto& program : programs_) {
      if (why_not()) return took;
      if (!program->has_room()) continue;
      Delivery* const delivery = outflow_->next();
      if (delivery == nullptr) return took;
      hand_on(*delivery, *program, now_boot_ms);
      took = any = true;
    }
  }
  return took;
}

void ProgramAdapter::hand_on(Delivery& delivery, MessageProgram& program,
                             std::int64_t now_boot_ms) {
  const MessageId id = delivery.message().id;
  std::optional<Outcome> outcome;
  try {
    outcome = program.put(delivery, now_boot_ms);
  } catch (const Error& error) {
    settle({id, Verdict::kRelease});
    // Out of descriptors, processes or memory: what runs goes on.
    throw Error(ErrorCode::kTryAgain, error.operation(), error.subject(), error.why());
  }
  if (outcome) note(*outcome);
}

bool ProgramAdapter::is_done(std::int64_t now_boot_ms) {
  if (under_way() > 0 || !schedule_.is_open()) return false;
  if (now_boot_ms < looked_boot_ms_ + kLookAgainMs) return false;
  looked_boot_ms_ = now_boot_ms;
  return outflow_ && outflow_->is_queue_empty();
}

// ---- Its end

void ProgramAdapter::wind_up() {
  const std::int64_t until_boot_ms = clock().boot_ms() + kWindUpMs;
  for (const auto& program : programs_) program->wind_up(clock().boot_ms());
  const auto runs = [](const auto& program) { return program->runs(); };
  std::vector<pollfd> waited;
  while (true) {
    const std::int64_t now_boot_ms = clock().boot_ms();
    std::int64_t next_boot_ms = std::min(attend(now_boot_ms), until_boot_ms);
    if (outflow_) {
      next_boot_ms = std::min(next_boot_ms, outflow_->extend_due());
      settle_replies();
      outflow_->flush();
    }
    if (under_way() == 0 && std::ranges::none_of(programs_, runs)) return;
    if (now_boot_ms >= until_boot_ms) return;
    waited.clear();
    for (const auto& program : programs_) program->gather(waited, listen());
    const std::int64_t left_ms = std::clamp<std::int64_t>(next_boot_ms - now_boot_ms, 0, kWindUpMs);
    static_cast<void>(::poll(waited.data(), waited.size(), static_cast<int>(left_ms)));
  }
}

}  // namespace spoolmq::adapters

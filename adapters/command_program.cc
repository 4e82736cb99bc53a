#include "adapters/command_program.h"

#include <algorithm>

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kPeaceMs = 4'000;  // for a command that runs at the end of the service

}  // namespace

std::optional<Outcome> CommandProgram::put(Delivery& delivery, std::int64_t now_boot_ms) {
  id_ = delivery.message().id;
  run_.emplace(rules_, CommandRun::For{delivery, queue_, -1, now_boot_ms});
  if (!run_->end()) return std::nullopt;
  return outcome();
}

std::int64_t CommandProgram::attend(std::int64_t now_boot_ms, Listen listen,
                                    std::vector<Outcome>& told) {
  if (!run_ || listen == Listen::kNo) return INT64_MAX;
  if (now_boot_ms >= interrupt_boot_ms_) run_->force({Ending::kInterrupted}, now_boot_ms);
  const std::int64_t next_boot_ms = run_->attend(now_boot_ms);
  if (run_->end()) {
    told.push_back(outcome());
    return INT64_MAX;
  }
  return std::min(next_boot_ms, interrupt_boot_ms_);
}

Outcome CommandProgram::outcome() {
  Outcome outcome{id_, verdict_of(*run_->end())};
  if (outcome.verdict != Verdict::kAck) outcome.why = run_->why();
  if (outcome.verdict == Verdict::kAck && rules_.printed == Printed::kReply) {
    outcome.reply = run_->take_reply();
  }
  run_.reset();
  return outcome;
}

void CommandProgram::gather(std::vector<pollfd>& waited, Listen listen) const {
  if (run_ && listen == Listen::kYes) run_->gather(waited);
}

void CommandProgram::wind_up(std::int64_t now_boot_ms) {
  winding_up_ = true;
  interrupt_boot_ms_ = now_boot_ms + kPeaceMs;
}

}  // namespace spoolmq::adapters

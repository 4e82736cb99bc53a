#include "adapters/reading_child.h"

#include "adapters/message_environment.h"
#include "adapters/pipe.h"

namespace spoolmq::adapters {
namespace {

constexpr Milliseconds kPatience{2000};

}  // namespace

ReadingChild::ReadingChild(const std::vector<std::string>& words) {
  Pipe pipe(Pipe::Ours::kWrites);
  Child::Start start;
  start.command = words;
  start.environment = own_environment();
  start.standard_input = pipe.theirs.number();
  start.privileges = Privileges::kNone;
  child_.emplace(start);
  input_ = std::move(pipe.ours);
}

ReadingChild::~ReadingChild() {
  input_.close();
  if (end_) return;
  if (!child_->ends_within(kPatience)) child_->signal_group(SIGTERM);
  static_cast<void>(child_->ends_within(kPatience));  // then it is killed
}

std::optional<std::string> ReadingChild::ended() {
  if (!end_ && !child_->has_ended()) return std::nullopt;
  if (!end_) end_ = child_->reap(Rest::kLeave);
  if (end_->how == Ending::kSignalled) {
    return "signal " + std::to_string(end_->number) + " ended it";
  }
  return "it exited with " + std::to_string(end_->number);
}

}  // namespace spoolmq::adapters

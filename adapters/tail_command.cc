#include "adapters/tail_command.h"

#include <poll.h>

#include <utility>

#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {

TailCommand::TailCommand(std::vector<std::string> words, TargetPlace place)
    : words_(std::move(words)), place_(std::move(place)) {}

// Its input ends before it is waited for.
TailCommand::~TailCommand() { static_cast<void>(pipe_.close()); }

void TailCommand::attend(At /*at*/) {
  if (!child_) {
    child_.emplace(words_);
    pipe_.open(child_->take_input());
  } else if (const auto how = child_->ended()) {
    lost(*how);
  }
  write();
}

void TailCommand::put(TailPiece& piece) {
  pipe_.load(piece);
  write();
}

void TailCommand::write() {
  if (pipe_.write(words_.front()) == TailPipe::Reader::kThere) return;
  child_->wait_a_little();
  lost(child_->ended().value_or("it closed its standard input"));
}

void TailCommand::lost(const std::string& why) {
  const bool cut = pipe_.close();
  child_.reset();
  if (cut) {
    log::warn("a message was cut off", {{"adapter", place_.adapter}, {"command", words_.front()}});
  }
  throw Error(ErrorCode::kTryAgain, "feed", words_.front(), why);
}

bool TailCommand::has_news() {
  if (!child_) return true;
  pollfd asked{child_->descriptor(), POLLIN, 0};
  return ::poll(&asked, 1, 0) > 0;
}

void TailCommand::wait(Milliseconds longest) {
  pipe_.wait(child_ ? child_->descriptor() : -1, longest);
}

std::unique_ptr<TailTarget> make_command_target(const CommandPlace& place, TargetPlace given) {
  return std::make_unique<TailCommand>(place.words, std::move(given));
}

}  // namespace spoolmq::adapters

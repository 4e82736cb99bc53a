#include "adapters/command_run.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "adapters/message_environment.h"
#include "adapters/pipe.h"
#include "core/check.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostAtOnce = 256 << 10;  // read of one command before others have a turn
constexpr std::string_view kPlaceholder = "{}";

std::string with_path(std::string argument, const std::string& path) {
  std::size_t at = 0;
  while ((at = argument.find(kPlaceholder, at)) != std::string::npos) {
    argument.replace(at, kPlaceholder.size(), path);
    at += path.size();
  }
  return argument;
}

}  // namespace

bool uses_file(const std::vector<std::string>& command) {
  return std::any_of(command.begin(), command.end(), [](const std::string& argument) {
    return argument.find(kPlaceholder) != std::string::npos;
  });
}

CommandRun::CommandRun(const RunRules& rules, const For& message) : rules_(rules) {
  if (rules.timeout) stop_boot_ms_ = message.now_boot_ms + rules.timeout->count();
  const Delivery& delivery = message.delivery;
  Child::Start start;
  start.command = rules.command;
  start.environment = message_environment(rules.environment, message.queue, delivery.message(),
                                          delivery.counters().deliveries);
  start.inherited = message.inherited;
  start.signal_mask = rules.signal_mask;
  start.privileges = rules.privileges;
  try {
    if (uses_file(rules.command)) {
      start_with_file(std::move(start), delivery);
    } else {
      start_with_pipe(std::move(start), delivery);
    }
  } catch (const BadBody& bad) {
    end_ = CommandEnd{Ending::kBadBody, 0, bad.what()};
  }
}

CommandRun::~CommandRun() = default;

void CommandRun::start_with_file(Child::Start start, const Delivery& delivery) {
  SPOOLMQ_CHECK(rules_.directory != nullptr);
  file_ = std::make_unique<NewFile>(rules_.directory->path() + "/" + delivery.message().id.text());
  BodyPieces pieces(delivery);
  while (true) {
    const std::string_view piece = pieces.next();
    if (piece.empty()) break;
    file_->write(piece);
  }
  file_->close();
  for (std::string& argument : start.command) {
    argument = with_path(std::move(argument), file_->path());
  }
  const Descriptor no_input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!no_input.is_open()) throw Error::from_errno(errno, "open", "/dev/null");
  start.standard_input = no_input.number();
  this->start(std::move(start));
}

void CommandRun::start_with_pipe(Child::Start start, const Delivery& delivery) {
  feed_.emplace(delivery);
  start.standard_input = feed_->read_end();
  this->start(std::move(start));
  feed_->close_read_end();
}

void CommandRun::start(Child::Start start) {
  std::optional<Pipe> output;
  start.standard_output = rules_.standard_output;
  if (rules_.printed != Printed::kOurs) {
    words_.emplace(rules_.speaker);
    start.standard_error = words_->their_end();
    start.standard_output = words_->their_end();
  }
  if (rules_.printed == Printed::kReply) {
    output.emplace(Pipe::Ours::kReads);
    start.standard_output = output->theirs.number();
  }
  try {
    child_.emplace(start);
  } catch (const Error& error) {
    end_ = end_of_failed_start(error);
    if (!end_) throw;
  }
  if (words_) words_->close_their_end();
  if (output) output_ = std::move(output->ours);
}

void CommandRun::gather(std::vector<pollfd>& waited) const {
  if (end_) return;
  waited.push_back({child_->descriptor(), POLLIN, 0});
  // A body that cannot be read leaves the pipe open: its end would look like the body's.
  if (feed_ && !forced_) waited.push_back({feed_->write_end(), POLLOUT, 0});
  if (words_) waited.push_back({words_->descriptor(), POLLIN, 0});
  if (output_.is_open()) waited.push_back({output_.number(), POLLIN, 0});
}

std::int64_t CommandRun::attend(std::int64_t now_boot_ms) {
  if (end_) return INT64_MAX;
  const bool ended = child_->has_ended();  // before the last look at what it printed
  if (feed_ && !forced_) feed(now_boot_ms);
  if (words_) words_->read(now_boot_ms);
  read_reply(now_boot_ms);
  if (ended) {
    finish(now_boot_ms);
    return INT64_MAX;
  }
  if (stop_boot_ms_ && now_boot_ms >= *stop_boot_ms_) force({Ending::kTimedOut}, now_boot_ms);
  return std::min(child_->attend(now_boot_ms), stop_boot_ms_.value_or(INT64_MAX));
}

void CommandRun::feed(std::int64_t now_boot_ms) {
  try {
    feed_->feed();
  } catch (const BadBody& bad) {
    force({Ending::kBadBody, 0, bad.what()}, now_boot_ms);
  }
}

void CommandRun::read_reply(std::int64_t now_boot_ms) {
  if (!output_.is_open()) return;
  const auto take = [this](std::string_view bytes) {
    if (!forced_) reply_.append(bytes);
  };
  if (read_pieces(output_, kMostAtOnce, take) == ReadEnd::kEnded) output_.close();
  if (reply_.size() <= rules_.most_reply_bytes) return;
  force({Ending::kTooMuch}, now_boot_ms);
  std::string().swap(reply_);
}

// What it printed before its end is in the pipe; who has inherited its stdout is not waited for.
void CommandRun::finish(std::int64_t now_boot_ms) {
  while (output_.is_open() && !forced_) {
    const std::size_t before = reply_.size();
    read_reply(now_boot_ms);
    if (reply_.size() == before) break;
  }
  const CommandEnd end = child_->reap(forced_ ? Rest::kKill : Rest::kLeave);
  end_ = forced_.value_or(end);
}

void CommandRun::force(CommandEnd why, std::int64_t now_boot_ms) {
  stop_boot_ms_.reset();
  if (forced_ || end_) return;
  forced_ = std::move(why);
  child_->end(now_boot_ms);
}

void CommandRun::kill(CommandEnd why, std::int64_t now_boot_ms) {
  force(std::move(why), now_boot_ms);
  if (!end_) child_->kill();
}

std::string CommandRun::why() const {
  SPOOLMQ_CHECK(end_.has_value());
  return with_words(describe(*end_), words_ && end_->why.empty() ? words_->text() : end_->why);
}

}  // namespace spoolmq::adapters

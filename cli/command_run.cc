#include "cli/command_run.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "cli/body_feed.h"
#include "cli/child.h"
#include "cli/message_environment.h"
#include "cli/streams.h"
#include "core/check.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Time = SteadyClock::time_point;

constexpr std::chrono::seconds kTermToKill{5};
constexpr Milliseconds kShortestExtension{10};
constexpr Milliseconds kLookAtOutput{250};
constexpr std::string_view kPlaceholder = "{}";

std::string with_path(std::string argument, const std::string& path) {
  std::size_t at = 0;
  while ((at = argument.find(kPlaceholder, at)) != std::string::npos) {
    argument.replace(at, kPlaceholder.size(), path);
    at += path.size();
  }
  return argument;
}

// Standard input of a command that gets a file instead.
class NoInput {
 public:
  NoInput() : descriptor_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) throw Error::from_errno(errno, "open", "/dev/null");
  }
  NoInput(const NoInput&) = delete;
  NoInput& operator=(const NoInput&) = delete;
  ~NoInput() { ::close(descriptor_); }
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

// The time from the start of a command to its end.
class Watch {
 public:
  Watch(const RunRules& rules, Delivery& delivery, Child& child, BodyFeed* feed,
        const CapturedOutput* output)
      : rules_(rules),
        delivery_(delivery),
        child_(child),
        feed_(feed),
        output_(output),
        interval_(std::max(rules.lease / 3, kShortestExtension)),
        extend_at_(SteadyClock::now() + interval_) {
    if (rules.timeout) stop_at_ = SteadyClock::now() + *rules.timeout;
  }

  CommandEnd until_end() {
    while (!wait()) act();
    const CommandEnd end = child_.reap(forced_ ? Rest::kKill : Rest::kLeave);
    if (!forced_ && is_full()) return {Ending::kTooMuch};
    return forced_.value_or(end);
  }

 private:
  // Whether the command has ended.
  bool wait() {
    std::array<pollfd, 3> waits = {
        pollfd{child_.descriptor(), POLLIN, 0},
        pollfd{killed_ ? -1 : rules_.kill_now, POLLIN, 0},
        pollfd{feed_ == nullptr || forced_ ? -1 : feed_->write_end(), POLLOUT, 0},
    };
    if (::poll(waits.data(), waits.size(), wait_ms()) < 0 && errno != EINTR) {
      throw Error::from_errno(errno, "wait", rules_.command.front());
    }
    if (waits[0].revents != 0) return true;
    if (waits[1].revents != 0) {
      force({Ending::kInterrupted});
      kill();
    }
    if (waits[2].revents != 0) feed();
    return false;
  }

  [[nodiscard]] int wait_ms() const {
    Time next = extend_at_;
    if (stop_at_) next = std::min(next, *stop_at_);
    if (kill_at_) next = std::min(next, *kill_at_);
    if (output_ != nullptr) next = std::min(next, SteadyClock::now() + kLookAtOutput);
    const auto left = std::chrono::ceil<Milliseconds>(next - SteadyClock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
  }

  void act() {
    const Time now = SteadyClock::now();
    if (stop_at_ && now >= *stop_at_) force({Ending::kTimedOut});
    if (kill_at_ && now >= *kill_at_) kill();
    if (now >= extend_at_) extend();
    if (is_full()) force({Ending::kTooMuch});
  }

  [[nodiscard]] bool is_full() const { return output_ != nullptr && output_->is_full(); }

  // Makes the command end; the first reason stays.
  void force(CommandEnd why) {
    stop_at_.reset();
    if (forced_) return;
    forced_ = std::move(why);
    child_.signal_group(SIGTERM);
    kill_at_ = SteadyClock::now() + kTermToKill;
  }

  void kill() {
    child_.signal_group(SIGKILL);
    killed_ = true;
    kill_at_.reset();
  }

  // The pipe stays open after a failure: its end would look like the body's.
  void feed() {
    try {
      feed_->feed();
    } catch (const BadBody& bad) {
      force({Ending::kBadBody, 0, bad.what()});
    }
  }

  void extend() {
    extend_at_ = SteadyClock::now() + interval_;
    if (lost_) return;
    try {
      delivery_.extend(rules_.lease);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kLeaseLost) {
        lost_ = true;
        force({Ending::kLeaseLost});
      } else if (error.code() == ErrorCode::kTryAgain) {
        complain(error.what());  // two more tries before the lease ends
      } else {
        throw;
      }
    }
  }

  const RunRules& rules_;
  Delivery& delivery_;
  Child& child_;
  BodyFeed* feed_;                // null: the body is in a file
  const CapturedOutput* output_;  // null: it is not ours
  Milliseconds interval_;
  Time extend_at_;
  std::optional<Time> stop_at_;
  std::optional<Time> kill_at_;
  std::optional<CommandEnd> forced_;
  bool killed_ = false;
  bool lost_ = false;
};

CommandEnd start_and_watch(const RunRules& rules, Child::Start start, Delivery& delivery,
                           BodyFeed* feed, const CapturedOutput* output) {
  if (output != nullptr) start.standard_output = output->descriptor();
  std::optional<Child> child;
  try {
    child.emplace(start);
  } catch (const Error& error) {
    switch (error.error_number()) {
      case ENOENT:
      case ENOTDIR:
        complain(error.what());
        return {Ending::kExited, kNoCommand};
      case EACCES:
      case EPERM:
      case ENOEXEC:
      case EISDIR:
      case ELOOP:
      case ENAMETOOLONG:
        complain(error.what());
        return {Ending::kExited, kCannotRun};
      default:
        throw;
    }
  }
  if (feed != nullptr) feed->close_read_end();
  return Watch(rules, delivery, *child, feed, output).until_end();
}

CommandEnd run_with_file(const RunRules& rules, Child::Start start, Delivery& delivery,
                         const CapturedOutput* output) {
  SPOOLMQ_CHECK(rules.directory != nullptr);
  NewFile file(rules.directory->path() + "/" + delivery.message().id.text());
  BodyPieces pieces(delivery);
  while (true) {
    const std::string_view piece = pieces.next();
    if (piece.empty()) break;
    file.write(piece);
  }
  file.close();
  for (std::string& argument : start.command) {
    argument = with_path(std::move(argument), file.path());
  }
  const NoInput no_input;
  start.standard_input = no_input.descriptor();
  return start_and_watch(rules, std::move(start), delivery, nullptr, output);
}

CommandEnd run_with_pipe(const RunRules& rules, Child::Start start, Delivery& delivery,
                         const CapturedOutput* output) {
  BodyFeed feed(delivery);
  start.standard_input = feed.read_end();
  return start_and_watch(rules, std::move(start), delivery, &feed, output);
}

}  // namespace

bool uses_file(const std::vector<std::string>& command) {
  return std::any_of(command.begin(), command.end(), [](const std::string& argument) {
    return argument.find(kPlaceholder) != std::string::npos;
  });
}

CommandEnd run_command(const RunRules& rules, Queue& queue, Delivery& delivery,
                       const CapturedOutput* output) {
  Child::Start start;
  start.command = rules.command;
  start.environment = message_environment(rules.environment, queue.name(), delivery.message(),
                                          delivery.counters().deliveries);
  start.inherited = queue.lease_descriptor();
  start.signal_mask = rules.signal_mask;
  try {
    return uses_file(rules.command) ? run_with_file(rules, std::move(start), delivery, output)
                                    : run_with_pipe(rules, std::move(start), delivery, output);
  } catch (const BadBody& bad) {
    return {Ending::kBadBody, 0, bad.what()};
  }
}

}  // namespace spoolmq::cli

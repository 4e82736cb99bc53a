#include "cli/attended_run.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <vector>

#include "cli/streams.h"
#include "core/clock.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

using adapters::CommandEnd;
using adapters::CommandRun;
using adapters::Ending;

constexpr Milliseconds kShortestExtension{10};
constexpr std::int64_t kLookAtOutputMs = 250;

class Attendance {
 public:
  Attendance(const AttendedRules& rules, Queue& queue, Delivery& delivery,
             const CapturedOutput* output)
      : rules_(rules),
        run_rules_(rules.run),
        output_(output),
        delivery_(delivery),
        interval_ms_(std::max(rules.lease / 3, kShortestExtension).count()),
        extend_boot_ms_(clock_.boot_ms() + interval_ms_),
        run_(with_output(), {delivery, queue.name(), queue.lease_descriptor(), clock_.boot_ms()}) {}

  CommandEnd until_end() {
    while (true) {
      const std::int64_t due_boot_ms = run_.attend(clock_.boot_ms());
      if (run_.end()) return end();
      wait(std::min(due_boot_ms, extend_boot_ms_));
      if (is_full()) run_.force({Ending::kTooMuch}, clock_.boot_ms());
      if (clock_.boot_ms() >= extend_boot_ms_) extend();
    }
  }

 private:
  const adapters::RunRules& with_output() {
    if (output_ != nullptr) run_rules_.standard_output = output_->descriptor();
    return run_rules_;
  }
  [[nodiscard]] bool is_full() const { return output_ != nullptr && output_->is_full(); }
  [[nodiscard]] CommandEnd end() const {
    const CommandEnd& end = *run_.end();
    const bool by_itself = end.how == Ending::kExited || end.how == Ending::kSignalled;
    return by_itself && is_full() ? CommandEnd{Ending::kTooMuch} : end;
  }

  void wait(std::int64_t until_boot_ms) {
    if (output_ != nullptr) {
      until_boot_ms = std::min(until_boot_ms, clock_.boot_ms() + kLookAtOutputMs);
    }
    waited_.assign(1, {killed_ ? -1 : rules_.kill_now, POLLIN, 0});
    run_.gather(waited_);
    const std::int64_t left_ms =
        std::clamp<std::int64_t>(until_boot_ms - clock_.boot_ms(), 0, INT_MAX);
    if (::poll(waited_.data(), waited_.size(), static_cast<int>(left_ms)) < 0) {
      if (errno != EINTR) throw Error::from_errno(errno, "wait", rules_.run.command.front());
      return;
    }
    if (waited_.front().revents == 0) return;
    killed_ = true;
    run_.kill({Ending::kInterrupted}, clock_.boot_ms());
  }

  void extend() {
    extend_boot_ms_ = clock_.boot_ms() + interval_ms_;
    if (lost_) return;
    try {
      delivery_.extend(rules_.lease);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kLeaseLost) {
        lost_ = true;
        run_.force({Ending::kLeaseLost}, clock_.boot_ms());
      } else if (error.code() == ErrorCode::kTryAgain) {
        complain(error.what());  // two more tries before the lease ends
      } else {
        throw;
      }
    }
  }

  const SystemClock clock_;
  const AttendedRules& rules_;
  adapters::RunRules run_rules_;
  const CapturedOutput* output_;  // null: it is not ours
  Delivery& delivery_;
  const std::int64_t interval_ms_;
  std::int64_t extend_boot_ms_;
  std::vector<pollfd> waited_;
  bool killed_ = false;
  bool lost_ = false;
  CommandRun run_;
};

}  // namespace

CommandEnd run_command(const AttendedRules& rules, Queue& queue, Delivery& delivery,
                       const CapturedOutput* output) {
  return Attendance(rules, queue, delivery, output).until_end();
}

}  // namespace spoolmq::cli

// tail: what was sent last, and with --follow what is sent from then on.

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "cli/live_output.h"
#include "cli/look_commands.h"
#include "cli/output.h"
#include "cli/stop_signals.h"
#include "cli/tail_plan.h"
#include "cli/tail_printer.h"
#include "cli/tail_stretch.h"
#include "core/clock.h"
#include "spoolmq/tail.h"

namespace spoolmq::cli {
namespace {

constexpr Milliseconds kLongestWait{1000};  // what is worth saying is said within that
constexpr int kMessagesPerLook = 64;        // at whether it is to end

TailForm form_of(const Context& context, const TailPlan& plan) {
  if (context.json) return TailForm::kJson;
  return plan.null ? TailForm::kNull : TailForm::kLine;
}

class TailRun {
 public:
  TailRun(Context& context, Queue& queue, const TailPlan& plan, const StopSignals* signals)
      : context_(context),
        queue_(queue),
        plan_(plan),
        signals_(signals),
        stretch_(find_tail_stretch(queue, plan)),
        tail_(queue.tail(stretch_.begin)),
        out_(::fileno(stdout), signals == nullptr ? -1 : signals->descriptor()),
        printer_(queue, out_, form_of(context, plan)) {
    if (plan.timeout) until_boot_ms_ = clock_.boot_ms() + plan.timeout->count();
  }

  int run() {
    const bool finished = plan_.follow ? follow() : show();
    out_.flush();
    tell_gone();
    if (finished && plan_.follow) return kDone;
    return shown_ || out_.is_over() ? kDone : kNothing;
  }

 private:
  // What the queue held when it began: others go on sending.
  bool show() {
    while (stretch_.last != stretch_.begin.after && !out_.is_over()) {
      const TailMessage* const message = tail_.poll();
      if (message == nullptr) break;
      take(*message);
      if (stretch_.last == message->id()) break;
    }
    return true;
  }

  // False: its time was over.
  bool follow() {
    while (!is_to_end()) {
      const TailMessage* message = nullptr;
      for (int i = 0; i < kMessagesPerLook && (message = tail_.poll()) != nullptr; ++i) {
        take(*message);
      }
      const Milliseconds left(until_boot_ms_ - clock_.boot_ms());
      if (left.count() <= 0) return false;
      if (message != nullptr) continue;
      out_.flush();  // nothing is kept back while it sleeps
      tell_gone();
      refuse_removed();
      message = tail_.wait(std::min(left, kLongestWait), [this] { return is_to_end(); });
      if (message != nullptr) take(*message);
    }
    return true;
  }

  void take(const TailMessage& message) {
    if (printer_.print(message)) shown_ = true;
    tell_gone();
  }

  bool is_to_end() {
    if (signals_ != nullptr && signals_->take() > 0) stopped_ = true;
    return stopped_ || out_.ask_reader();
  }

  // Once per occurrence.
  void tell_gone() {
    const std::uint64_t gone = tail_.counts().gone;
    const std::uint64_t more = gone - std::exchange(told_gone_, gone);
    if (more == 0 || context_.quiet) return;
    out_.flush();
    say("tail", queue_.name(),
        more == 1 ? "a message was gone before it could be read"
                  : std::to_string(more) + " messages were gone before they could be read");
  }

  void refuse_removed() {
    if (context_.root().has_queue(queue_.name())) return;
    throw Error(ErrorCode::kNotFound, "tail", queue_.name(), "the queue was removed");
  }

  Context& context_;
  Queue& queue_;
  const TailPlan& plan_;
  const StopSignals* const signals_;
  const SystemClock clock_;
  std::int64_t until_boot_ms_ = INT64_MAX;
  const TailStretch stretch_;
  Tail tail_;
  LiveOutput out_;
  TailPrinter printer_;
  bool shown_ = false;
  bool stopped_ = false;
  std::uint64_t told_gone_ = 0;
};

}  // namespace

int run_tail(Context& context, const Arguments& arguments) {
  const TailPlan plan = read_tail_plan(context, arguments);
  std::optional<StopSignals> signals;
  if (plan.follow) signals.emplace();
  OpenOptions options;
  options.one_shot = true;
  options.observer = true;
  options.background = false;
  Queue queue = context.root().open_queue(arguments.operands.front(), options);
  return TailRun(context, queue, plan, signals ? &*signals : nullptr).run();
}

}  // namespace spoolmq::cli

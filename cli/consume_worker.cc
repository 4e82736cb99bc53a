#include "cli/consume_worker.h"

#include <utility>

#include "cli/streams.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr Milliseconds kLookAgain{250};    // whether the queue is empty
constexpr Milliseconds kBusyPause{1'000};  // after the queue was locked for too long

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAck:
      return "acknowledged";
    case Verdict::kNack:
      return "failed";
    case Verdict::kReject:
      return "rejected";
    case Verdict::kRelease:
      return "released";
    case Verdict::kPause:
      return "released, pausing";
    case Verdict::kStop:
      return "released, stopping";
    case Verdict::kNone:
      break;
  }
  return "left alone";
}

}  // namespace

ConsumeWorker::ConsumeWorker(const Context& context, Queue queue, const AttendedRules& rules,
                             Until until, ConsumeState& state, const ReplyRules* replies)
    : context_(context),
      queue_(std::move(queue)),
      rules_(rules),
      until_(until),
      state_(state),
      replies_(replies) {
  if (replies_ == nullptr) return;
  root_.emplace(Root::open(context.root_path.empty() ? Root::default_path() : context.root_path));
  replier_.emplace(*root_, queue_);
}

void ConsumeState::stop() {
  stopping_ = true;
  pause.stop();
}

void ConsumeState::stop_with(int exit_code) {
  {
    const std::lock_guard lock(mutex_);
    if (!exit_code_) exit_code_ = exit_code;
  }
  stop();
}

void ConsumeState::fail(std::exception_ptr reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(reason);
  }
  stop();
}

std::optional<int> ConsumeState::result() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  return exit_code_;
}

void ConsumeWorker::run() noexcept {
  try {
    run_until_stopped();
  } catch (...) {
    state_.fail(std::current_exception());
  }
}

void ConsumeWorker::run_until_stopped() {
  while (!state_.stopping()) {
    if (until_ == Until::kEmpty && is_empty()) {
      state_.stop();
      return;
    }
    const std::optional<Pass> pass = state_.pause.enter();
    if (!pass) return;
    std::optional<Delivery> delivery = take(*pass);
    const Met met = delivery ? handle(*delivery) : Met::kNoMessage;
    state_.pause.leave(*pass, met);
  }
}

std::optional<Delivery> ConsumeWorker::take(Pass pass) {
  // A pause that begins while we wait holds for us too.
  const auto must_not = [this, pass] {
    return state_.stopping() || (pass == Pass::kNormal && !state_.pause.is_open());
  };
  ReceiveOptions options;
  options.kind = LeaseKind::kBound;
  if (until_ == Until::kEmpty) {
    options.wait = kLookAgain;
  } else {
    options.wait = std::nullopt;
  }
  options.cancelled = must_not;
  std::optional<Delivery> delivery;
  try {
    delivery = queue_.receive(options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kTryAgain) throw;
    complain(error.what());
    static_cast<void>(state_.pause.sleep(kBusyPause));
    return std::nullopt;
  }
  if (delivery && must_not()) {
    delivery->release();
    delivery.reset();
  }
  return delivery;
}

Met ConsumeWorker::handle(Delivery& delivery) {
  try {
    if (replies_ == nullptr)
      return finish(delivery, run_command(rules_, queue_, delivery), nullptr);
    if (is_reply(delivery.message())) {
      const std::string why(kNotARequest);
      tell(delivery, why + " (rejected)");
      delivery.reject(why);
      state_.note_death();
      return Met::kNoMessage;
    }
    const CapturedOutput output(replies_->most_bytes);
    return finish(delivery, run_command(rules_, queue_, delivery, &output), &output);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLeaseLost) throw;
    complain(error.what());
    return Met::kAnswer;
  }
}

Met ConsumeWorker::finish(Delivery& delivery, const CommandEnd& end, const CapturedOutput* output) {
  if (end.how == adapters::Ending::kExited && !end.why.empty()) complain(end.why);
  const Verdict verdict = adapters::verdict_of(end);
  if (verdict != Verdict::kAck) {
    tell(delivery, describe(end) + " (" + std::string(verdict_name(verdict)) + ")");
  }
  switch (verdict) {
    case Verdict::kAck:
      if (output == nullptr || reply(delivery, *output)) delivery.ack();
      return Met::kAnswer;
    case Verdict::kNack:
      fail(delivery, describe(end));
      return Met::kAnswer;
    case Verdict::kReject:
      reject(delivery, describe(end));
      return Met::kAnswer;
    case Verdict::kRelease:
      delivery.release();
      return Met::kNoMessage;
    case Verdict::kPause:
      delivery.release();
      return Met::kUnavailable;
    case Verdict::kStop:
      delivery.release();
      state_.stop_with(end.number);
      return Met::kNoMessage;
    case Verdict::kNone:
      delivery.detach();
      return Met::kNoMessage;
  }
  return Met::kNoMessage;
}

// False: it could not be sent, which is a failure of its request.
bool ConsumeWorker::reply(Delivery& delivery, const CapturedOutput& output) {
  Message reply;
  reply.headers = replies_->headers;
  try {
    const Replier::Sent sent = replier_->send_file(delivery, std::move(reply), output.descriptor());
    if (sent == Replier::Sent::kDead) {
      tell(delivery, "nobody waits for its reply (dead, no_requester)");
      state_.note_death();
    }
    return true;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) throw;
    complain(error.what());
    fail(delivery, std::string("its reply was not sent: ") + error.what());
    return false;
  }
}

void ConsumeWorker::fail(Delivery& delivery, const std::string& why) {
  const MessageId id = delivery.message().id;
  if (replier_) {
    replier_->fail(delivery, why);
  } else {
    delivery.nack(why);
  }
  const std::optional<MessageStatus> status = queue_.status(id);
  if (status && status->state == State::kDead) state_.note_death();
}

void ConsumeWorker::reject(Delivery& delivery, const std::string& why) {
  if (replier_) {
    replier_->reject(delivery, why);
  } else {
    delivery.reject(why);
  }
  state_.note_death();
}

void ConsumeWorker::tell(const Delivery& delivery, const std::string& what) const {
  put_word(context_, std::string("spoolmq: ") + (replies_ == nullptr ? "consume: " : "reply: ") +
                         delivery.message().id.text() + ": " + what);
}

bool ConsumeWorker::is_empty() {
  const QueueStats stats = queue_.stats();
  return stats.of(State::kReady).messages + stats.of(State::kDelayed).messages +
             stats.of(State::kLeased).messages ==
         0;
}

}  // namespace spoolmq::cli

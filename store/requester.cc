// The asking side: a mailbox, a request, a wait.
#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "core/clock.h"
#include "core/id_source.h"
#include "core/log.h"
#include "core/text.h"
#include "spoolmq/request.h"
#include "store/reply_mailbox.h"

namespace spoolmq {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr Milliseconds kLongestRemoval{1'000};
constexpr Milliseconds kRemovalPause{2};
constexpr Milliseconds kMailboxLease{3'600'000};  // nobody else takes from it
constexpr Milliseconds kRepliesKnown{7 * 24 * 3'600'000LL};

Settings mailbox_settings(const Settings& queue) {
  Settings settings;
  settings.mode = queue.mode;  // who may answer may send there
  settings.group = queue.group;
  settings.lease = kMailboxLease;
  settings.dedupe_window = kRepliesKnown;
  settings.history = HistoryLevel::kOff;
  settings.hot_cache = 0;
  return settings;
}

Milliseconds left_until(SteadyClock::time_point end) {
  const auto left = std::chrono::ceil<Milliseconds>(end - SteadyClock::now());
  return std::max(left, Milliseconds{0});
}

}  // namespace

std::string_view reply_status_name(ReplyStatus status) {
  switch (status) {
    case ReplyStatus::kOk:
      return "ok";
    case ReplyStatus::kRejected:
      return "rejected";
    case ReplyStatus::kFailed:
      return "failed";
  }
  return "";
}

ReplyStatus reply_status(const Message& reply) {
  const std::string* const name = reply.header(kReplyStatusHeader);
  if (name == nullptr) return ReplyStatus::kOk;
  for (const ReplyStatus status : {ReplyStatus::kRejected, ReplyStatus::kFailed}) {
    if (*name == reply_status_name(status)) return status;
  }
  return ReplyStatus::kOk;
}

Requester::Requester(Root& root, std::string_view queue, std::string_view name)
    : root_(root),
      queue_(root.open_queue(queue, mailbox::briefly(name))),
      mailbox_name_(mailbox::make_name()),
      name_(name) {
  root_.create_queue(mailbox_name_, mailbox_settings(queue_.settings()));
  OpenOptions options;
  options.name = name_;
  options.one_shot = true;
  mailbox_.emplace(root_.open_queue(mailbox_name_, options));
}

Requester::~Requester() {
  try {
    close();
  } catch (const std::exception& error) {
    log::warn("mailbox left behind", {{"queue", mailbox_name_}, {"why", error.what()}});
  }
}

Answer Requester::request(Message message, const RequestOptions& options) {
  return ask(std::move(message), options, [this](Message one, const SendOptions& how) {
    return queue_.send(std::move(one), how);
  });
}

Answer Requester::request_stream(Message message, const BodySource& source,
                                 const RequestOptions& options) {
  return ask(std::move(message), options, [this, &source](Message one, const SendOptions& how) {
    return queue_.send_stream(std::move(one), source, how).id;
  });
}

Answer Requester::ask(Message message, const RequestOptions& options, const Send& send) {
  if (!mailbox_) throw Error(ErrorCode::kUsage, "request", queue_.name(), "it is closed");
  message.reply_to = mailbox_name_;
  if (message.correlation_id.empty()) message.correlation_id = hex16(random_bits());
  const std::string correlation_id = message.correlation_id;
  const Milliseconds ttl = options.ttl.value_or(options.timeout + kGrace);
  message.expires_at_ms = SystemClock().wall_ms() + ttl.count();
  const auto end = SteadyClock::now() + options.timeout;
  SendOptions how;
  how.timeout = options.timeout;

  Answer answer;
  try {
    answer.request = send(std::move(message), how);
  } catch (const Error& error) {
    // A rendezvous: nobody came for it.
    if (error.code() != ErrorCode::kTryAgain || queue_.settings().capacity != 0) throw;
    answer.withdrawn = true;
    return answer;
  }
  answer.reply = wait_for_reply(correlation_id, options, left_until(end));
  if (answer.reply) return answer;
  answer.withdrawn = queue_.withdraw(answer.request);
  // Whoever took it may have answered since.
  if (!answer.withdrawn) answer.reply = wait_for_reply(correlation_id, options, Milliseconds{0});
  return answer;
}

std::optional<Delivery> Requester::wait_for_reply(const std::string& correlation_id,
                                                  const RequestOptions& options,
                                                  Milliseconds longest) {
  const auto end = SteadyClock::now() + longest;
  ReceiveOptions receive;
  receive.cancelled = options.cancelled;
  while (true) {
    receive.wait = left_until(end);
    std::optional<Delivery> reply = mailbox_->receive(receive);
    if (!reply || reply->message().correlation_id == correlation_id) return reply;
    // To an earlier request, whose time was over.
    mailbox::bury_from(*mailbox_, reply->message(), queue_);
    reply->ack();
  }
}

// Nothing that is left is for anybody any more.
void Requester::bury_leftovers() {
  while (std::optional<Delivery> reply = mailbox_->receive()) {
    mailbox::bury_from(*mailbox_, reply->message(), queue_);
    reply->ack();
  }
  mailbox::bury_dead(root_, *mailbox_, &queue_);
}

void Requester::close() {
  if (!mailbox_) return;
  const auto end = SteadyClock::now() + kLongestRemoval;
  while (true) {
    bury_leftovers();
    try {
      mailbox_->close();
      root_.remove_queue(mailbox_name_);
      mailbox_.reset();
      break;
    } catch (const Error& error) {
      // A replier has it open: one more reply may come.
      if (error.code() != ErrorCode::kTryAgain) throw;
      if (SteadyClock::now() >= end) {
        log::info("mailbox left to be swept", {{"queue", mailbox_name_}, {"why", error.why()}});
        mailbox_.reset();
        break;
      }
    }
    std::this_thread::sleep_for(kRemovalPause);
    mailbox_.emplace(root_.open_queue(mailbox_name_, mailbox::briefly(name_)));
  }
  sweep_mailboxes(root_, SystemClock().wall_ms());
}

}  // namespace spoolmq

#include "adapters/stomp_desk.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "adapters/bridge_queue.h"
#include "adapters/whole_body.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostJobs = 1024;
constexpr std::size_t kMostTaken = 128;                   // messages in one batch
constexpr std::uint64_t kMostTakenBytes = 8 << 20;        // of their bodies, about
constexpr Milliseconds kLongestBlock{100};                // in a queue that blocks its senders
constexpr std::chrono::milliseconds kRetryPause{50};      // of a queue that takes nothing now
constexpr std::chrono::milliseconds kFailurePause{1000};  // of one that gives nothing

bool may_be_repeated(ErrorCode code) {
  return code == ErrorCode::kTryAgain || code == ErrorCode::kOsResource;
}

std::string told(const std::exception& error) {
  const Error* const known = dynamic_cast<const Error*>(&error);
  return known == nullptr ? error.what() : known->subject() + ": " + known->why();
}

}  // namespace

StompDesk::StompDesk(std::string queue, const AdapterPlace& place, Rules rules,
                     StompMailbox& mailbox)
    : name_(std::move(queue)),
      place_(place),
      rules_(rules),
      mailbox_(mailbox),
      sending_(kMostJobs, [this](std::vector<Incoming> batch) { take_in(std::move(batch)); }),
      settling_(kMostJobs, [this](std::vector<Settling> batch) { settle_all(std::move(batch)); }) {}

StompDesk::~StompDesk() {
  receiving_.request_stop();
  if (receiving_.joinable()) receiving_.join();
}

void StompDesk::send(StompTicket ticket, Message message, std::optional<Durability> durability) {
  sending_.put(Sending{ticket, std::move(message), durability});
}

void StompDesk::settle(StompTicket ticket, Verdict verdict, std::vector<Receipt> receipts) {
  settling_.put({ticket, verdict, std::move(receipts)});
}

void StompDesk::open(StompTicket ticket, StompOpening opening) {
  sending_.put(Opening{ticket, std::move(opening)});
}

void StompDesk::extend(std::vector<Receipt> receipts) {
  settling_.put({{}, std::nullopt, std::move(receipts)});
}

void StompDesk::want(std::size_t room, std::size_t collected) {
  {
    const std::lock_guard lock(mutex_);
    room_ = room;
    uncollected_ -= collected;
  }
  if (room == 0) return;
  if (!receiving_.joinable()) {
    receiving_ = std::jthread([this](const std::stop_token& stop) { receive(stop); });
  }
  wanted_.notify_one();
}

bool StompDesk::is_idle() const {
  if (!sending_.is_idle() || !settling_.is_idle()) return false;
  const std::lock_guard lock(mutex_);
  return room_ == 0 && uncollected_ == 0;
}

// ---- The queue itself. Opening it may take a while, and may be refused.

std::shared_ptr<Queue> StompDesk::queue() {
  const std::lock_guard lock(open_mutex_);
  if (queue_ == nullptr) {
    try {
      queue_ = std::make_shared<Queue>(open_bridge_queue(place_, name_));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound || rules_.missing != StompMissing::kMake) throw;
      static_cast<void>(place_.root->create_queue(name_));
      queue_ = std::make_shared<Queue>(open_bridge_queue(place_, name_));
    }
    extend_after_ms_ = queue_->settings().lease.count() / 3;
  }
  return queue_;
}

// It was removed meanwhile: the next who needs it looks for one of that name.
void StompDesk::forget_queue() {
  const std::lock_guard lock(open_mutex_);
  queue_.reset();
}

// ---- Sending

void StompDesk::take_in(std::vector<Incoming> batch) {
  std::vector<Sending> sends;
  const auto send_them = [&] {
    if (!sends.empty()) send_all(std::exchange(sends, {}));
  };
  for (Incoming& one : batch) {
    if (Sending* const send = std::get_if<Sending>(&one)) {
      if (!sends.empty() && sends.front().durability != send->durability) send_them();
      sends.push_back(std::move(*send));
      continue;
    }
    send_them();
    const Opening& opening = std::get<Opening>(one);
    StompOutcome outcome{opening.ticket, std::nullopt};
    try {
      make_ready(opening.opening);
    } catch (const std::exception& error) {
      outcome.failure = told(error);
    }
    mailbox_.put(std::vector{std::move(outcome)});
  }
  send_them();
}

void StompDesk::make_ready(const StompOpening& opening) {
  static_cast<void>(opening);
  static_cast<void>(queue());
}

void StompDesk::send_all(std::vector<Sending> batch) {
  std::vector<StompOutcome> outcomes;
  outcomes.reserve(batch.size());
  if (!send_together(batch, outcomes)) send_singly(batch, outcomes);
  mailbox_.put(std::move(outcomes));
}

// False: nothing was sent; one of them is bad, or there is room for a part only.
bool StompDesk::send_together(std::vector<Sending>& batch, std::vector<StompOutcome>& outcomes) {
  try {
    const std::shared_ptr<Queue> to = queue();
    // Of a batch into a rendezvous a part may be taken and the rest withdrawn.
    if (batch.size() == 1 || to->settings().capacity == 0) return false;
    std::vector<Message> messages;
    messages.reserve(batch.size());
    for (const Sending& one : batch) messages.push_back(one.message);
    SendOptions options;
    options.durability = batch.front().durability;
    options.timeout = kLongestBlock;
    const std::vector<SendResult> results = to->send_batch(std::move(messages), options);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      outcomes.push_back(
          {batch[i].ticket, std::nullopt, results[i].id, 1, batch[i].message.body.size()});
    }
    return true;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kBadData || may_be_repeated(error.code())) return false;
    if (error.code() == ErrorCode::kNotFound) forget_queue();
    for (const Sending& one : batch) outcomes.push_back({one.ticket, told(error)});
    return true;
  } catch (const std::exception& error) {
    for (const Sending& one : batch) outcomes.push_back({one.ticket, told(error)});
    return true;
  }
}

void StompDesk::send_singly(std::vector<Sending>& batch, std::vector<StompOutcome>& outcomes) {
  std::int64_t until_boot_ms = place_.clock->boot_ms() + rules_.patience_ms;
  for (Sending& one : batch) {
    outcomes.push_back(send_one(one, until_boot_ms));
    // While something gets in, the others wait on.
    if (!outcomes.back().failure) until_boot_ms = place_.clock->boot_ms() + rules_.patience_ms;
  }
}

StompOutcome StompDesk::send_one(Sending& one, std::int64_t until_boot_ms) {
  const std::uint64_t bytes = one.message.body.size();
  SendOptions options;
  options.durability = one.durability;
  options.timeout = kLongestBlock;
  while (true) {
    try {
      const SendResult sent = queue()->send_checked(one.message, options);
      return {one.ticket, std::nullopt, sent.id, 1, bytes};
    } catch (const Error& error) {
      const bool is_patient = place_.clock->boot_ms() < until_boot_ms;
      if (!may_be_repeated(error.code()) || !is_patient) {
        if (error.code() == ErrorCode::kNotFound) forget_queue();
        return {one.ticket, told(error)};
      }
    } catch (const std::exception& error) {
      return {one.ticket, told(error)};
    }
    std::this_thread::sleep_for(kRetryPause);
  }
}

// ---- Settling

void StompDesk::settle_all(std::vector<Settling> batch) {
  std::vector<StompOutcome> outcomes;
  std::vector<Settling*> acks;
  for (Settling& one : batch) {
    if (one.verdict == Verdict::kAck) {
      acks.push_back(&one);
    } else {
      outcomes.push_back(settle_one(one));
    }
  }
  if (!acks.empty()) ack_all(std::move(acks), outcomes);
  mailbox_.put(std::move(outcomes));
}

// One transaction and one sync for all of them.
void StompDesk::ack_all(std::vector<Settling*> batch, std::vector<StompOutcome>& outcomes) {
  Settling together{{}, Verdict::kAck, {}};
  for (const Settling* const one : batch) {
    together.receipts.insert(together.receipts.end(), one->receipts.begin(), one->receipts.end());
  }
  std::vector<LeaseOutcome> leases;
  std::optional<std::string> failure;
  try {
    leases = settle_by(*queue(), together);
  } catch (const std::exception& error) {
    failure = told(error);
    log::warn("could not acknowledge", {{"queue", name_}, {"why", *failure}});
  }
  auto lease = leases.begin();
  for (const Settling* const one : batch) {
    StompOutcome outcome{one->ticket, failure, {}, one->receipts.size()};
    if (!failure) {
      const auto end = lease + static_cast<std::ptrdiff_t>(one->receipts.size());
      if (std::find(lease, end, LeaseOutcome::kLost) != end) {
        outcome.failure = "the lease had ended: the message will be delivered again";
      }
      lease = end;
    }
    outcomes.push_back(std::move(outcome));
  }
}

StompOutcome StompDesk::settle_one(const Settling& one) {
  StompOutcome outcome{one.ticket, std::nullopt};
  try {
    const std::vector<LeaseOutcome> leases = settle_by(*queue(), one);
    const bool is_lost = std::ranges::find(leases, LeaseOutcome::kLost) != leases.end();
    // A lease that could not go on is told when it is settled.
    if (is_lost && one.verdict && *one.verdict != Verdict::kRelease) {
      outcome.failure = "the lease had ended: the message will be delivered again";
    }
  } catch (const std::exception& error) {
    outcome.failure = told(error);
    log::warn("could not settle", {{"queue", name_}, {"why", *outcome.failure}});
  }
  return outcome;
}

std::vector<LeaseOutcome> StompDesk::settle_by(Queue& queue, const Settling& one) {
  if (!one.verdict) return queue.extend(one.receipts);
  switch (*one.verdict) {
    case Verdict::kAck:
      return queue.ack(one.receipts);
    case Verdict::kNack:
      return queue.nack(one.receipts, "NACK of a STOMP client");
    case Verdict::kReject:
      return queue.reject(one.receipts, "rejected: NACK of a STOMP client, requeue:false");
    default:
      return queue.release(one.receipts);
  }
}

// ---- Receiving

void StompDesk::receive(const std::stop_token& stop) {
  bool is_told = false;
  while (!stop.stop_requested()) {
    std::size_t most = 0;
    {
      std::unique_lock lock(mutex_);
      const auto is_wanted = [this] { return room_ > uncollected_; };
      if (!wanted_.wait(lock, stop, is_wanted)) return;
      most = room_ - uncollected_;
    }
    try {
      receive_some(stop, std::min(most, batch_messages_));
      is_told = false;
    } catch (const std::exception& error) {
      if (!std::exchange(is_told, true)) {
        log::warn("a queue gives nothing", {{"queue", name_}, {"why", told(error)}});
      }
      std::unique_lock lock(mutex_);
      wanted_.wait_for(lock, stop, kFailurePause, [] { return false; });
    }
  }
}

void StompDesk::receive_some(const std::stop_token& stop, std::size_t most) {
  ReceiveOptions options;
  options.max = most;
  options.wait = std::nullopt;
  options.kind = LeaseKind::kBound;
  options.as = place_.name;
  options.cancelled = [this, &stop] {
    const std::lock_guard lock(mutex_);
    return stop.stop_requested() || room_ <= uncollected_;
  };
  const std::shared_ptr<Queue> from = queue();
  std::vector<Delivery> deliveries = from->receive_batch(options);
  StompTaken taken{name_, {}, {}};
  std::uint64_t bytes = 0;
  for (Delivery& delivery : deliveries) {
    std::optional<std::string> body = body_of(delivery);
    if (!body) continue;
    bytes += body->size();
    taken.deliveries.push_back(std::move(delivery));
    taken.bodies.push_back(*std::move(body));
  }
  if (taken.deliveries.empty()) return;
  const std::uint64_t each = std::max<std::uint64_t>(bytes / taken.deliveries.size(), 1);
  batch_messages_ = std::clamp<std::size_t>(kMostTakenBytes / each, 1, kMostTaken);
  {
    const std::lock_guard lock(mutex_);
    uncollected_ += taken.deliveries.size();
  }
  mailbox_.put(std::move(taken));
}

// nullopt: it cannot be handed on, and is dead now.
std::optional<std::string> StompDesk::body_of(Delivery& delivery) {
  std::string why = oversize(delivery.message().body_size(), rules_.most_body_bytes);
  try {
    std::optional<std::string> body = whole_body(delivery, rules_.most_body_bytes);
    if (body) return body;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    why = error.why();
  }
  log::warn("a message goes dead",
            {{"queue", name_}, {"id", delivery.message().id.text()}, {"why", why}});
  delivery.reject(why);
  return std::nullopt;
}

}  // namespace spoolmq::adapters

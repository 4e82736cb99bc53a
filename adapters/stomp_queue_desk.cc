#include "adapters/stomp_queue_desk.h"

#include <algorithm>
#include <utility>

#include "adapters/bridge_queue.h"
#include "adapters/stomp_told.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostJobs = 1024;
constexpr std::size_t kMostClaimed = 8;
constexpr std::string_view kLost = "the lease had ended: the message will be delivered again";

}  // namespace

StompQueueDesk::StompQueueDesk(std::string queue, const AdapterPlace& place, StompDeskRules rules,
                               StompMailbox& mailbox)
    : name_(std::move(queue)),
      place_(place),
      rules_(rules),
      mailbox_(mailbox),
      sending_(kMostJobs, [this](std::vector<Incoming> batch) { take_in(std::move(batch)); }),
      settling_(kMostJobs, [this](std::vector<Settling> batch) { settle_all(std::move(batch)); }) {}

StompQueueDesk::~StompQueueDesk() {
  flush();
  receiving_.request_stop();
  if (receiving_.joinable()) receiving_.join();
}

void StompQueueDesk::flush() {
  sending_.put_all(std::exchange(gathered_, {}));
  settling_.put_all(std::exchange(gathered_settlings_, {}));
}

// Of a crowd the desk's own threads do one batch while the next one gathers.
bool StompQueueDesk::claim() {
  const std::size_t gathered = gathered_.size() + gathered_settlings_.size();
  if (gathered == 0 || gathered > kMostClaimed) return false;
  if (gathered_.empty()) {
    if (!settling_.claim(gathered_settlings_.size())) return false;
    claimed_settlings_ = std::exchange(gathered_settlings_, {});
  } else {
    if (!sending_.claim(gathered_.size())) return false;
    claimed_ = std::exchange(gathered_, {});
  }
  flush();
  return true;
}

void StompQueueDesk::carry_out() {
  if (claimed_.empty()) {
    settling_.work_claimed(std::exchange(claimed_settlings_, {}));
  } else {
    sending_.work_claimed(std::exchange(claimed_, {}));
  }
}

void StompQueueDesk::settle(StompTicket ticket, Verdict verdict, std::vector<Receipt> receipts) {
  gathered_settlings_.push_back({ticket, verdict, std::move(receipts)});
}

void StompQueueDesk::settle_now(StompTicket ticket, Verdict verdict,
                                std::vector<Receipt> receipts) {
  settling_.put({ticket, verdict, std::move(receipts)});
}

void StompQueueDesk::open(StompTicket ticket, StompOpening opening) {
  gathered_.push_back(Opening{ticket, std::move(opening)});
  flush();
}

void StompQueueDesk::extend(std::vector<Receipt> receipts) {
  settling_.put({{}, std::nullopt, std::move(receipts)});
}

void StompQueueDesk::want(std::size_t room, std::size_t collected) {
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

bool StompQueueDesk::is_idle() const {
  if (!sending_.is_idle() || !settling_.is_idle()) return false;
  const std::lock_guard lock(mutex_);
  return room_ == 0 && uncollected_ == 0;
}

// ---- The queue itself. Opening it may take a while, and may be refused.

std::shared_ptr<Queue> StompQueueDesk::queue(StompMissing missing) {
  const std::lock_guard lock(open_mutex_);
  if (queue_ == nullptr) {
    try {
      queue_ = std::make_shared<Queue>(open_bridge_queue(place_, name_));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound || missing != StompMissing::kMake) throw;
      static_cast<void>(place_.root->create_queue(name_));
      queue_ = std::make_shared<Queue>(open_bridge_queue(place_, name_));
    }
    extend_after_ms_ = queue_->settings().lease.count() / 3;
  }
  return queue_;
}

// It was removed meanwhile: the next who needs it looks for one of that name.
void StompQueueDesk::forget_queue() {
  const std::lock_guard lock(open_mutex_);
  queue_.reset();
}

// ---- Settling

void StompQueueDesk::settle_all(std::vector<Settling> batch) {
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
void StompQueueDesk::ack_all(std::vector<Settling*> batch, std::vector<StompOutcome>& outcomes) {
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
        outcome.failure = std::string(kLost);
      }
      lease = end;
    }
    outcomes.push_back(std::move(outcome));
  }
}

StompOutcome StompQueueDesk::settle_one(const Settling& one) {
  StompOutcome outcome{one.ticket, std::nullopt};
  try {
    const std::vector<LeaseOutcome> leases = settle_by(*queue(), one);
    const bool is_lost = std::ranges::find(leases, LeaseOutcome::kLost) != leases.end();
    // A lease that could not go on is told when it is settled.
    if (is_lost && one.verdict && *one.verdict != Verdict::kRelease) {
      outcome.failure = std::string(kLost);
    }
  } catch (const std::exception& error) {
    outcome.failure = told(error);
    log::warn("could not settle", {{"queue", name_}, {"why", *outcome.failure}});
  }
  return outcome;
}

std::vector<LeaseOutcome> StompQueueDesk::settle_by(Queue& queue, const Settling& one) {
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

}  // namespace spoolmq::adapters

#include "adapters/stomp_committer.h"

#include <chrono>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "adapters/stomp_rooms.h"
#include "adapters/stomp_told.h"
#include "core/log.h"
#include "spoolmq/topic.h"

namespace spoolmq::adapters {
namespace {

using Kind = StompDestination::Kind;

constexpr std::size_t kMostJobs = 256;
constexpr std::chrono::milliseconds kRetryPause{50};

std::uint64_t bytes_of(const StompTransaction& transaction) {
  std::uint64_t bytes = 0;
  for (const StompSend& one : transaction.sends) bytes += one.message.body.size();
  return bytes;
}

// Dead letters are deleted, nothing of theirs is on lease.
bool is_leased(const StompSettled& one) { return !one.queue.starts_with(kStompDead); }

// The queues that a piece of work needs, open until it is over.
class Opened {
 public:
  explicit Opened(StompDesks& desks) : desks_(desks) {}
  Queue& queue(const std::string& name, StompMissing missing) {
    std::shared_ptr<Queue>& found = queues_[name];
    if (found == nullptr) found = desks_.desk(name)->queue(missing);
    return *found;
  }

 private:
  StompDesks& desks_;
  std::map<std::string, std::shared_ptr<Queue>> queues_;
};

// A reply whose requester has gone is left to the caller.
enum class Added : std::uint8_t { kYes, kHomeless };
Added add_to(Transaction& work, const StompSend& send, Opened& opened) {
  SendOptions options;
  options.durability = send.durability;
  const StompDestination& to = send.destination;
  if (to.kind == Kind::kTopic) {
    static_cast<void>(work.send_to_topic(to.name, send.message, options));
    return Added::kYes;
  }
  try {
    work.send(opened.queue(to.name, send.missing), send.message, options);
    return Added::kYes;
  } catch (const Error& error) {
    if (to.kind != Kind::kReply || error.code() != ErrorCode::kNotFound) throw;
    return Added::kHomeless;
  }
}

}  // namespace

StompCommitter::StompCommitter(const AdapterPlace& place, StompDesks& desks, StompDeskRules rules,
                               StompMailbox& mailbox)
    : place_(place),
      desks_(desks),
      rules_(rules),
      mailbox_(mailbox),
      thread_(kMostJobs, [this](std::vector<Job> batch) { work(std::move(batch)); }) {}

void StompCommitter::commit(StompTicket ticket, StompTransaction transaction) {
  thread_.put({ticket, std::move(transaction), false});
}

void StompCommitter::send_to_topic(StompTicket ticket, StompSend send) {
  Job job{ticket, {}, true};
  job.transaction.sends.push_back(std::move(send));
  thread_.put(std::move(job));
}

void StompCommitter::work(std::vector<Job> batch) {
  std::vector<Job> group;
  for (Job& one : batch) {
    if (!group.empty() && !(group.back().may_share && one.may_share)) {
      carry_out(std::exchange(group, {}));
    }
    group.push_back(std::move(one));
  }
  carry_out(std::move(group));
}

void StompCommitter::carry_out(std::vector<Job> group) {
  std::vector<StompOutcome> outcomes;
  if (group.size() > 1) {
    try {
      try_together(group);
      for (const Job& one : group) {
        outcomes.push_back({one.ticket, std::nullopt, {}, 1, bytes_of(one.transaction)});
      }
      mailbox_.put(std::move(outcomes));
      return;
    } catch (const std::exception&) {
      // One of them is in the way of the others: which, is found out one by one.
    }
  }
  for (Job& one : group) outcomes.push_back(carry_out_one(one));
  mailbox_.put(std::move(outcomes));
}

// Throws what stands in the way; then nothing was done.
void StompCommitter::try_together(const std::vector<Job>& group) {
  Opened opened(desks_);
  const auto source = [&opened](std::string_view name) -> Queue* {
    try {
      return &opened.queue(std::string(name), StompMissing::kRefuse);
    } catch (const Error&) {
      return nullptr;  // whoever opens it then says why not
    }
  };
  Transaction work = place_.root->transaction(source);
  std::vector<const StompSend*> homeless;
  for (const Job& job : group) {
    for (const StompSend& one : job.transaction.sends) {
      if (add_to(work, one, opened) == Added::kHomeless) homeless.push_back(&one);
    }
    for (const StompSettled& one : job.transaction.settled) {
      if (one.verdict != Verdict::kAck || !is_leased(one)) continue;
      work.ack(opened.queue(one.queue, StompMissing::kRefuse), one.held.receipt);
    }
  }
  static_cast<void>(work.commit());
  for (const StompSend* const one : homeless) {
    const StompDestination& to = one->destination;
    static_cast<void>(bury_reply(*place_.root, to.request, to.name, one->message));
  }
}

StompOutcome StompCommitter::carry_out_one(Job& job) {
  const std::int64_t until_boot_ms = place_.clock->boot_ms() + rules_.patience_ms;
  std::vector<Job> alone;
  alone.push_back(std::move(job));
  const StompTransaction& transaction = alone.front().transaction;
  const StompTicket ticket = alone.front().ticket;
  while (true) {
    try {
      try_together(alone);
      settle_rest(transaction);
      return {ticket, std::nullopt, {}, transaction.sends.size(), bytes_of(transaction)};
    } catch (const std::exception& error) {
      if (!may_be_repeated(error) || place_.clock->boot_ms() >= until_boot_ms) {
        give_back(transaction);
        return {ticket, told(error)};
      }
    }
    std::this_thread::sleep_for(kRetryPause);
  }
}

void StompCommitter::settle_rest(const StompTransaction& transaction) {
  for (const StompSettled& one : transaction.settled) {
    if (one.verdict == Verdict::kAck || !is_leased(one)) continue;
    desks_.desk(one.queue)->settle_now({}, one.verdict, {one.held.receipt});
  }
}

void StompCommitter::give_back(const StompTransaction& transaction) {
  for (const StompSettled& one : transaction.settled) {
    if (is_leased(one))
      desks_.desk(one.queue)->settle_now({}, Verdict::kRelease, {one.held.receipt});
  }
}

}  // namespace spoolmq::adapters

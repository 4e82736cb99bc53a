// What a queue's desk puts into it.

#include <chrono>
#include <thread>
#include <utility>

#include "adapters/stomp_queue_desk.h"
#include "adapters/stomp_rooms.h"
#include "adapters/stomp_told.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr Milliseconds kLongestBlock{100};            // in a queue that blocks its senders
constexpr std::chrono::milliseconds kRetryPause{50};  // of a queue that takes nothing now

SendOptions options_of(const StompQueueDesk::Sending& one) {
  SendOptions options;
  options.durability = one.durability;
  options.timeout = kLongestBlock;
  return options;
}

}  // namespace

void StompQueueDesk::take_in(std::vector<Incoming> batch) {
  std::vector<Sending> sends;
  const auto send_them = [&] {
    if (!sends.empty()) send_all(std::exchange(sends, {}));
  };
  for (Incoming& one : batch) {
    if (Sending* const send = std::get_if<Sending>(&one)) {
      const bool is_alike = sends.empty() || (sends.front().durability == send->durability &&
                                              sends.front().missing == send->missing);
      if (!is_alike) send_them();
      sends.push_back(std::move(*send));
      continue;
    }
    send_them();
    Opening& opening = std::get<Opening>(one);
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

void StompQueueDesk::make_ready(const StompOpening& opening) {
  make_room(*place_.root, opening);
  static_cast<void>(queue(opening.missing));
}

void StompQueueDesk::send_all(std::vector<Sending> batch) {
  std::vector<StompOutcome> outcomes;
  outcomes.reserve(batch.size());
  if (!send_together(batch, outcomes)) send_singly(batch, outcomes);
  mailbox_.put(std::move(outcomes));
}

// False: nothing was sent; one of them is bad, or there is room for a part only.
bool StompQueueDesk::send_together(std::vector<Sending>& batch,
                                   std::vector<StompOutcome>& outcomes) {
  try {
    const std::shared_ptr<Queue> to = queue(batch.front().missing);
    // Of a batch into a rendezvous a part may be taken and the rest withdrawn.
    if (batch.size() == 1 || to->settings().capacity == 0) return false;
    std::vector<Message> messages;
    messages.reserve(batch.size());
    for (const Sending& one : batch) messages.push_back(one.message);
    const std::vector<SendResult> results =
        to->send_batch(std::move(messages), options_of(batch.front()));
    for (std::size_t i = 0; i < batch.size(); ++i) {
      outcomes.push_back(
          {batch[i].ticket, std::nullopt, results[i].id, 1, batch[i].message.body.size()});
    }
    return true;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kBadData || may_be_repeated(error)) return false;
    for (Sending& one : batch) outcomes.push_back(refused(one, error));
    return true;
  } catch (const std::exception& error) {
    for (Sending& one : batch) outcomes.push_back(refused(one, error));
    return true;
  }
}

void StompQueueDesk::send_singly(std::vector<Sending>& batch, std::vector<StompOutcome>& outcomes) {
  std::int64_t until_boot_ms = place_.clock->boot_ms() + rules_.patience_ms;
  for (Sending& one : batch) {
    outcomes.push_back(send_one(one, until_boot_ms));
    // While something gets in, the others wait on.
    if (!outcomes.back().failure) until_boot_ms = place_.clock->boot_ms() + rules_.patience_ms;
  }
}

StompOutcome StompQueueDesk::send_one(Sending& one, std::int64_t until_boot_ms) {
  while (true) {
    try {
      const SendResult sent = queue(one.missing)->send_checked(one.message, options_of(one));
      return {one.ticket, std::nullopt, sent.id, 1, one.message.body.size()};
    } catch (const std::exception& error) {
      const bool is_patient = place_.clock->boot_ms() < until_boot_ms;
      if (!may_be_repeated(error) || !is_patient) return refused(one, error);
    }
    std::this_thread::sleep_for(kRetryPause);
  }
}

// A reply whose requester has gone is dead among the requests.
StompOutcome StompQueueDesk::refused(Sending& one, const std::exception& error) {
  const Error* const known = dynamic_cast<const Error*>(&error);
  if (known == nullptr || known->code() != ErrorCode::kNotFound) return {one.ticket, told(error)};
  forget_queue();
  if (one.request.empty()) return {one.ticket, told(error)};
  try {
    const MessageId id = bury_reply(*place_.root, one.request, name_, std::move(one.message));
    return {one.ticket, std::nullopt, id, 1, 0};
  } catch (const std::exception& second) {
    return {one.ticket, told(second)};
  }
}

}  // namespace spoolmq::adapters

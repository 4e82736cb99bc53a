#include "adapters/intake.h"

#include <utility>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kPatienceMs = 3000;

// A bounded queue that blocks its senders, and a rendezvous, are waited for no longer than a turn
// may take; then it is the caller's to come again.
constexpr Milliseconds kLongestBlock{100};

// What is wrong with this message for that queue, not with the queue: its check, its limits, an id
// that another message has.
bool is_for_good(const Error& error) {
  return error.code() == ErrorCode::kBadData || error.code() == ErrorCode::kCannotCreate;
}

}  // namespace

SendOptions Intake::options() const {
  SendOptions made;
  made.timeout = kLongestBlock;
  made.id_memory = manner_.id_memory;
  return made;
}

void Intake::add(Message message, std::uint64_t token) {
  bytes_ += message.body.size();
  gathered_.push_back({std::move(message), token});
}

std::vector<Intake::Taken> Intake::flush() {
  send();
  return take_settled();
}

std::vector<Intake::Taken> Intake::take_settled() { return std::exchange(taken_, {}); }

void Intake::send() {
  if (gathered_.empty() || send_together()) return;
  // One of them is bad, or there is room for a part only: which, is found out one by one.
  while (!gathered_.empty()) {
    send_one(gathered_.front());
    bytes_ -= gathered_.front().message.body.size();
    gathered_.pop_front();
  }
}

std::vector<Intake::Taken> Intake::try_flush() {
  try {
    std::vector<Taken> taken = flush();
    refused_since_ms_.reset();
    return taken;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kTryAgain) throw;
    const std::int64_t now_ms = place_.clock->boot_ms();
    if (!refused_since_ms_ || !taken_.empty()) refused_since_ms_ = now_ms;
    if (now_ms - *refused_since_ms_ >= kPatienceMs) throw;
    return std::exchange(taken_, {});
  }
}

std::vector<Intake::Gathered> Intake::take_back() {
  bytes_ = 0;
  std::deque<Gathered> back = std::exchange(gathered_, {});
  return {std::make_move_iterator(back.begin()), std::make_move_iterator(back.end())};
}

bool Intake::send_together() {
  // Of a batch into a rendezvous a part may be taken and the rest withdrawn: it is sent singly.
  if (gathered_.size() == 1 || queue_.settings().capacity == 0) return false;
  std::vector<Message> messages;
  messages.reserve(gathered_.size());
  for (const Gathered& one : gathered_) messages.push_back(one.message);
  std::vector<SendResult> results;
  try {
    results = queue_.send_batch(std::move(messages), options());
  } catch (const Error& error) {
    if (is_for_good(error) || error.code() == ErrorCode::kTryAgain) return false;
    throw;
  }
  for (std::size_t i = 0; i < results.size(); ++i) note_sent(gathered_[i], results[i].id);
  gathered_.clear();
  bytes_ = 0;
  return true;
}

void Intake::send_one(Gathered& one) {
  try {
    note_sent(one, queue_.send_checked(one.message, options()).id);
  } catch (const Error& error) {
    if (!is_for_good(error)) throw;
    refuse(one, error.why());
  }
}

void Intake::refuse(Gathered& one, const std::string& why) {
  if (manner_.refused == Refused::kTold) return note_refused(one, why);
  Message dead = one.message;
  dead.id = {};
  dead.dedupe_key.clear();
  SendOptions buried = options();
  buried.dead = why;
  try {
    note_sent(one, queue_.send_checked(std::move(dead), buried).id);
  } catch (const Error& error) {
    if (!is_for_good(error)) throw;
    note_refused(one, error.why());
  }
}

void Intake::note_sent(const Gathered& one, const MessageId& id) {
  taken_.push_back({one.token, true, id, {}});
  if (AdapterCounters* const counters = place_.counters) {
    counters->moved.fetch_add(1, std::memory_order_relaxed);
    counters->bytes.fetch_add(one.message.body.size(), std::memory_order_relaxed);
    counters->last_success_wall_ms.store(place_.clock->wall_ms(), std::memory_order_relaxed);
  }
  if (place_.on_moved) place_.on_moved(id, {}, one.message.body.size());
}

void Intake::note_refused(const Gathered& one, const std::string& why) {
  taken_.push_back({one.token, false, {}, why});
  if (place_.counters != nullptr) place_.counters->refused.fetch_add(1, std::memory_order_relaxed);
  const std::string& who = one.message.from.name;
  if (place_.on_refused) place_.on_refused(who.empty() ? place_.name : who, why);
}

}  // namespace spoolmq::adapters

#include "adapters/stomp_session.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostRecent = 256;

Message stamp_of(const Peer& peer) {
  Message message;
  message.from.name = peer.name;
  if (!peer.is_local) return message;
  // A process that we do not see has no number here; that of the receiving one keeps the user's.
  message.from.uid = peer.user;
  message.from.pid = static_cast<std::uint32_t>(peer.process != 0 ? peer.process : ::getpid());
  return message;
}

// Who has not been told a version reads by any of them. 1.1 and 1.2 take a backslash for an escape,
// an unknown one for the end of the stream, and allow no colon in a value; 1.0 has no escapes.
std::string read_alike(std::string text) {
  std::ranges::replace(text, '\\', '/');
  std::ranges::replace(text, ':', ';');
  return text;
}

std::vector<Receipt> receipts_of(const std::vector<StompHeld>& held) {
  std::vector<Receipt> receipts;
  receipts.reserve(held.size());
  for (const StompHeld& one : held) receipts.push_back(one.receipt);
  return receipts;
}

}  // namespace

StompSession::StompSession(std::uint64_t connection, const StompSessionLimits& limits,
                           Access& access, const Clock& clock, StompBackend& backend,
                           StompOutput& output, Peer peer)
    : connection_(connection),
      limits_(limits),
      clock_(clock),
      backend_(backend),
      output_(output),
      access_(access),
      who_{std::move(peer), {}, {}},
      stamp_(stamp_of(who_.peer)) {}

bool StompSession::may_take() const {
  return !is_over_ && !takes_no_more_ && !deferred_ && !asked_ &&
         answers_.awaited() < limits_.awaited_frames && answers_.bytes() < limits_.awaited_bytes &&
         output_.unwritten().size() < limits_.unwritten_bytes;
}

// ---- What is told

void StompSession::write(const StompFrame& frame) {
  append_stomp(output_.bytes(), frame, handshake().version);
}

void StompSession::done(Receipted receipt) {
  answers_.add({std::move(receipt), std::nullopt, false});
  tell();
}

StompTicket StompSession::expect(Receipted receipt, std::size_t bytes) {
  return {connection_, answers_.expect(std::move(receipt), bytes), 0};
}

void StompSession::refuse(std::string why, const StompFrame& frame) {
  const std::string* const receipt = frame.header("receipt");
  takes_no_more_ = true;
  answers_.add({receipt != nullptr ? Receipted(*receipt) : std::nullopt, std::move(why), false});
  tell();
}

void StompSession::break_off(std::string_view why, std::string_view receipt) {
  StompFrame frame;
  if (!receipt.empty()) frame.add("receipt", receipt);
  refuse(std::string(why), frame);
}

void StompSession::tell() {
  while (!is_over_) {
    std::optional<StompAnswers::Answer> answer = answers_.next();
    if (!answer) return;
    if (answer->failure) {
      write_error(*answer->failure, answer->receipt);
      leave();
      return;
    }
    if (answer->receipt) {
      StompFrame frame;
      frame.command = "RECEIPT";
      frame.add("receipt-id", *answer->receipt);
      write(frame);
    }
    if (answer->ends) leave();
  }
}

void StompSession::write_error(const std::string& why, const Receipted& receipt) {
  StompFrame frame;
  frame.command = "ERROR";
  frame.add("message", handshake_ ? why : read_alike(why));
  // Changed it would name another frame.
  if (receipt && (handshake_ || read_alike(*receipt) == *receipt)) {
    frame.add("receipt-id", *receipt);
  }
  if (!handshake_) frame.add("version", "1.0,1.1,1.2");
  frame.add("content-type", "text/plain");
  frame.body = why + "\n";
  write(frame);
}

void StompSession::settle(std::uint64_t number, std::optional<std::string> failure) {
  if (number == 0) return;
  for (auto& [name, mailbox] : mailboxes_) {
    if (mailbox.opened_by == number) mailbox.is_open = !failure;
  }
  answers_.settle(number, std::move(failure));
  tell();
  if (!deferred_ || is_over_) return;
  take(*std::exchange(deferred_, std::nullopt));
}

// ---- What it is given

bool StompSession::is_full() const {
  return held_bytes_ >= limits_.held_bytes || output_.unwritten().size() >= limits_.unwritten_bytes;
}

void StompSession::note_room_again() {
  if (!was_full_ || is_full()) return;
  was_full_ = false;
  for (const auto& [number, subscription] : subscriptions_) {
    backend_.note_room(subscription.queue());
  }
}

std::size_t StompSession::room(std::uint64_t subscription) const {
  const auto found = subscriptions_.find(subscription);
  if (found == subscriptions_.end() || is_over_ || takes_no_more_ || is_full()) return 0;
  return found->second.room();
}

void StompSession::deliver(std::uint64_t subscription, const Message& message, std::string body,
                           const Receipt& receipt, std::int64_t deliveries) {
  StompSubscription& to = subscriptions_.at(subscription);
  const StompHeld held{next_delivery_++, receipt, body.size()};
  const bool is_auto = to.asked().mode == StompAckMode::kAuto;
  const bool has_ack = !is_auto && handshake().version == StompVersion::k12;
  const std::string ack = has_ack ? std::to_string(held.number) : std::string();
  write(stomp_message(
      message, std::move(body),
      {.queue = to.queue(), .subscription = to.asked().id, .ack = ack, .deliveries = deliveries}));
  to.add(held);
  held_bytes_ += held.bytes;
  was_full_ = was_full_ || is_full();
  if (is_auto) handed_.push_back({output_.end(), subscription, to.queue(), held});
}

// One call per queue and round, so that they share a transaction.
void StompSession::note_written() {
  std::vector<Receipt> receipts;
  std::string queue;
  const auto settle_them = [&] {
    if (receipts.empty()) return;
    backend_.settle({connection_, 0, 0}, queue, Verdict::kAck, std::exchange(receipts, {}));
    backend_.note_room(queue);
  };
  while (!handed_.empty() && handed_.front().end <= output_.written()) {
    const Handed one = std::move(handed_.front());
    handed_.pop_front();
    if (one.queue != queue) settle_them();
    queue = one.queue;
    receipts.push_back(one.held.receipt);
    const auto found = subscriptions_.find(one.subscription);
    if (found == subscriptions_.end()) continue;
    note_settled(found->second.take_up_to(one.held.number));
  }
  settle_them();
  note_room_again();
}

std::vector<Receipt> StompSession::note_settled(const std::vector<StompHeld>& held) {
  for (const StompHeld& one : held) {
    held_bytes_ -= one.bytes;
    recent_.push_back(one.receipt.id);
    if (recent_.size() > kMostRecent) recent_.pop_front();
  }
  note_room_again();
  return receipts_of(held);
}

void StompSession::release(const std::string& queue, const std::vector<StompHeld>& held) {
  if (held.empty()) return;
  for (const StompHeld& one : held) held_bytes_ -= one.bytes;
  note_room_again();
  backend_.settle({connection_, 0, 0}, queue, Verdict::kRelease, receipts_of(held));
}

void StompSession::for_each_held(
    const std::function<void(const std::string& queue, const Receipt& receipt)>& take) const {
  for (const auto& [number, subscription] : subscriptions_) {
    for (const StompHeld& one : subscription.held()) take(subscription.queue(), one.receipt);
  }
  for (const auto& [name, transaction] : transactions_) {
    for (const StompSettled& one : transaction.settled) take(one.queue, one.held.receipt);
  }
}

// ---- Its end

void StompSession::end_subscription(Subscriptions::iterator subscription) {
  StompSubscription ended = std::move(subscription->second);
  subscriptions_.erase(subscription);
  std::vector<StompHeld> held = ended.take_all();
  if (ended.asked().mode == StompAckMode::kAuto) {
    // They are on their way, and settled once they are written.
    for (const StompHeld& one : held) held_bytes_ -= one.bytes;
  } else {
    release(ended.queue(), held);
  }
  backend_.note_room(ended.queue());
}

void StompSession::end_input() {
  takes_no_more_ = true;
  while (!subscriptions_.empty()) end_subscription(subscriptions_.begin());
}

// Nothing more is said; what is in the output goes out yet.
void StompSession::leave() {
  if (std::exchange(is_over_, true)) return;
  answers_.clear();
  deferred_.reset();
  while (!subscriptions_.empty()) end_subscription(subscriptions_.begin());
  for (const auto& [name, transaction] : transactions_) {
    for (const StompSettled& one : transaction.settled) release(one.queue, {one.held});
  }
  transactions_.clear();
  for (const auto& [queue, opening] : closings_) backend_.close(opening);
  closings_.clear();
}

void StompSession::drop() {
  leave();
  for (const Handed& one : handed_) {
    backend_.settle({connection_, 0, 0}, one.queue, Verdict::kRelease, {one.held.receipt});
  }
  handed_.clear();
}

}  // namespace spoolmq::adapters

// What a session makes of each frame of its client.

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "adapters/stomp_session.h"
#include "core/id_source.h"
#include "core/text.h"

namespace spoolmq::adapters {
namespace {

using Kind = StompDestination::Kind;

constexpr std::size_t kShownBytes = 100;  // of what a client said, in an ERROR

std::string shown(std::string_view text) { return printable(text.substr(0, kShownBytes)); }

std::optional<std::string> receipt_of(const StompFrame& frame) {
  const std::string* const receipt = frame.header("receipt");
  return receipt == nullptr ? std::nullopt : std::optional(*receipt);
}

// A number of the connection's deliveries, as `ack` has them.
std::optional<std::uint64_t> parse_delivery(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// A name that nothing else has.
std::string new_name(const Clock& clock, std::string_view folder) {
  IdSource ids(clock, static_cast<std::uint8_t>(random_bits() & 0xff));
  return std::string(folder) + ids.next().text();
}

}  // namespace

void StompSession::take(StompFrame frame) {
  if (is_over_ || takes_no_more_) return;
  if (!handshake_) {
    connect(frame);
  } else {
    obey(std::move(frame));
  }
}

void StompSession::connect(const StompFrame& frame) {
  if (frame.command != "CONNECT" && frame.command != "STOMP") {
    refuse("the first frame must be CONNECT or STOMP", frame);
    return;
  }
  auto parsed = stomp_handshake(frame);
  if (const StompRefusal* const refusal = std::get_if<StompRefusal>(&parsed)) {
    refuse(refusal->why, frame);
    return;
  }
  asked_ = std::get<StompHandshake>(parsed);
  const std::string* const login = frame.header("login");
  if (login == nullptr || login->empty() || access_.checks() == nullptr) {
    answer_connect();
    return;
  }
  const std::string* const passcode = frame.header("passcode");
  who_.login = *login;  // counts from admit() on
  backend_.check(connection_, {*login, Secret(passcode == nullptr ? "" : *passcode)});
}

void StompSession::admit(std::optional<std::string> failure) {
  if (!asked_ || is_over_) return;
  if (failure) {
    asked_.reset();
    refuse(*std::move(failure), {});
    return;
  }
  stamp_.from.name = who_.login;
  answer_connect();
}

void StompSession::answer_connect() {
  const StompHandshake asked = *std::exchange(asked_, std::nullopt);
  if (!access_.admits(who_)) {
    refuse(who_.text() + " may not do anything here", {});
    return;
  }
  handshake_ = asked;
  write(stomp_connected(asked, new_name(clock_, "")));
}

// ---- What they may

bool StompSession::may(Right right, const std::string& name, const StompFrame& frame) {
  if (access_.may(who_, right, name)) return true;
  refuse(Access::refusal(who_, right, name), frame);
  return false;
}

bool StompSession::may_send(const StompDestination& to, const StompFrame& frame) {
  switch (to.kind) {
    case Kind::kTempQueue:
      return true;
    case Kind::kReply:  // whoever could take the request may answer it
      return may(Right::kReceive, to.request, frame);
    default:
      return may(Right::kSend, to.name, frame);
  }
}

bool StompSession::may_subscribe(const StompSubscribe& asked, const StompFrame& frame) {
  const std::string& name = asked.place.name;
  switch (asked.place.kind) {
    case Kind::kTempQueue:
      return true;
    case Kind::kDead:
      return may(Right::kBrowse, name, frame) && may(Right::kReceive, name, frame);
    default:
      return may(Right::kReceive, name, frame) &&
             (asked.durable_name.empty() || may(Right::kReceive, asked.durable_name, frame));
  }
}

StompMissing StompSession::missing(const std::string& queue) const {
  return limits_.may_create && access_.may(who_, Right::kCreate, queue) ? StompMissing::kMake
                                                                        : StompMissing::kRefuse;
}

void StompSession::obey(StompFrame frame) {
  using Way = void (StompSession::*)(const StompFrame&);
  struct Row {
    std::string_view command;
    Way way;
  };
  constexpr std::array<Row, 6> kRows{{{"SUBSCRIBE", &StompSession::subscribe},
                                      {"UNSUBSCRIBE", &StompSession::unsubscribe},
                                      {"BEGIN", &StompSession::begin},
                                      {"COMMIT", &StompSession::commit},
                                      {"ABORT", &StompSession::abort},
                                      {"DISCONNECT", &StompSession::disconnect}}};
  if (frame.command == "SEND") {
    send(std::move(frame));
  } else if (frame.command == "ACK") {
    acknowledge(frame, Verdict::kAck);
  } else if (frame.command == "NACK") {
    const std::string* const requeue = frame.header("requeue");
    const bool is_final = requeue != nullptr && ascii_lower(*requeue) == "false";
    acknowledge(frame, is_final ? Verdict::kReject : Verdict::kNack);
  } else if (const auto row = std::ranges::find(kRows, frame.command, &Row::command);
             row != kRows.end()) {
    (this->*row->way)(frame);
  } else {
    refuse("no such frame: " + shown(frame.command), frame);
  }
}

// ---- SEND

void StompSession::send(StompFrame frame) {
  Receipted receipt = receipt_of(frame);
  StompTransaction* transaction = nullptr;
  if (frame.header("transaction") != nullptr) {
    transaction = find_transaction(frame);
    if (transaction == nullptr || !has_place(*transaction, frame)) return;
  }
  // A frame that has to wait for a mailbox comes here again.
  const std::string* const reply_to = frame.header("reply-to");
  if (reply_to != nullptr) {
    const auto parsed = parse_stomp_destination(*reply_to);
    const StompDestination* const place = std::get_if<StompDestination>(&parsed);
    if (place != nullptr && place->kind == Kind::kTempQueue && !is_mailbox_open(place->name)) {
      if (!is_over_ && !takes_no_more_) deferred_ = std::move(frame);
      return;
    }
  }
  StompFrame head;  // for a refusal
  if (receipt) head.add("receipt", *receipt);
  auto parsed = stomp_send(std::move(frame), stamp_, clock_.wall_ms());
  if (StompRefusal* const refusal = std::get_if<StompRefusal>(&parsed)) {
    refuse(std::move(refusal->why), head);
    return;
  }
  StompSend made = std::get<StompSend>(std::move(parsed));
  if (!may_send(made.destination, head)) return;
  if (!made.temp_reply_to.empty()) {
    made.message.reply_to = mailboxes_.at(made.temp_reply_to).queue;
  }
  if (made.destination.kind == Kind::kTempQueue) {
    const auto found = mailboxes_.find(made.destination.name);
    if (found == mailboxes_.end()) {
      refuse("this connection has no such /temp-queue/: subscribe to it first", head);
      return;
    }
    made.destination = {Kind::kQueue, found->second.queue, {}};
  } else if (made.destination.kind == Kind::kQueue) {
    made.missing = missing(made.destination.name);
  }
  const std::size_t bytes = made.message.body.size();
  if (transaction == nullptr) {
    backend_.send(expect(std::move(receipt), bytes), std::move(made));
    return;
  }
  transaction->bytes += bytes;
  transaction->sends.push_back(std::move(made));
  // Net::Stomp waits for it before its COMMIT; whose receipt it is that vouches.
  done(std::move(receipt));
}

// Otherwise it is on its way: whoever names it in a reply-to alone is given what comes to it, under
// its destination as the subscription, as RabbitMQ does it.
bool StompSession::is_mailbox_open(const std::string& name) {
  const auto found = mailboxes_.find(name);
  if (found != mailboxes_.end()) return found->second.is_open;
  StompSubscribe asked;
  asked.id = asked.destination = "/temp-queue/" + name;
  asked.place = {Kind::kTempQueue, name, {}};
  asked.prefetch = limits_.prefetch;
  open(std::move(asked), std::nullopt);
  return false;
}

// ---- SUBSCRIBE, UNSUBSCRIBE

void StompSession::subscribe(const StompFrame& frame) {
  auto parsed = stomp_subscribe(frame, handshake().version, limits_.prefetch);
  if (StompRefusal* const refusal = std::get_if<StompRefusal>(&parsed)) {
    refuse(std::move(refusal->why), frame);
    return;
  }
  StompSubscribe asked = std::get<StompSubscribe>(std::move(parsed));
  if (!may_subscribe(asked, frame)) return;
  const auto same = std::ranges::find_if(subscriptions_, [&asked](const auto& one) {
    const StompSubscribe& other = one.second.asked();
    return other.id == asked.id && (!asked.id.empty() || other.destination == asked.destination);
  });
  if (same != subscriptions_.end()) {
    refuse("SUBSCRIBE, id: there is a subscription " + shown(asked.id) + " already", frame);
    return;
  }
  if (subscriptions_.size() >= limits_.subscriptions) {
    refuse("a connection has at most " + std::to_string(limits_.subscriptions) + " subscriptions",
           frame);
    return;
  }
  if (asked.place.kind == Kind::kTempQueue) {
    // Its own subscription takes over from the one that a reply-to made.
    const auto made = std::ranges::find_if(subscriptions_, [&asked](const auto& one) {
      return one.second.asked().id == asked.destination && one.second.asked().place == asked.place;
    });
    if (made != subscriptions_.end()) end_subscription(made);
  }
  open(std::move(asked), receipt_of(frame));
}

StompOpening StompSession::opening_of(const StompSubscribe& asked) {
  using Opening = StompOpening::Kind;
  const std::string& name = asked.place.name;
  switch (asked.place.kind) {
    case Kind::kDead:
      return {Opening::kDead, name, {}};
    case Kind::kTopic:
      if (!asked.durable_name.empty())
        return {Opening::kDurable, asked.durable_name, name, missing(asked.durable_name)};
      return {Opening::kTopic, new_name(clock_, kStompPrivate), name};
    case Kind::kTempQueue: {
      Mailbox& mailbox = mailboxes_[name];
      if (mailbox.queue.empty()) mailbox.queue = new_name(clock_, kStompMailbox);
      return {Opening::kMailbox, mailbox.queue, {}};
    }
    default:
      return {Opening::kQueue, name, {}, missing(name)};
  }
}

void StompSession::open(StompSubscribe asked, Receipted receipt) {
  const StompOpening opening = opening_of(asked);
  if (opening.kind == StompOpening::Kind::kMailbox || opening.kind == StompOpening::Kind::kTopic) {
    closings_.emplace(opening.queue, opening);
  }
  StompTicket ticket = expect(std::move(receipt));
  ticket.subscription = next_subscription_++;
  if (opening.kind == StompOpening::Kind::kMailbox) {
    Mailbox& mailbox = mailboxes_.at(asked.place.name);
    if (!mailbox.is_open) mailbox.opened_by = ticket.number;
  }
  const bool is_dead = opening.kind == StompOpening::Kind::kDead;
  subscriptions_.emplace(
      ticket.subscription,
      StompSubscription(std::move(asked),
                        is_dead ? std::string(kStompDead) + opening.queue : opening.queue));
  backend_.open(ticket, opening);
}

// 1.0 names them by id or by destination, and stomp.py's `unsubscribe` puts the id where the
// destination belongs.
void StompSession::unsubscribe(const StompFrame& frame) {
  const std::string* const id = frame.header("id");
  const std::string* const destination = frame.header("destination");
  const std::string* const key = id != nullptr ? id : destination;
  if (key == nullptr) {
    refuse("UNSUBSCRIBE has no id", frame);
    return;
  }
  auto found = std::ranges::find_if(
      subscriptions_, [key](const auto& one) { return one.second.asked().id == *key; });
  if (found == subscriptions_.end() && id == nullptr) {
    found = std::ranges::find_if(
        subscriptions_, [key](const auto& one) { return one.second.asked().destination == *key; });
  }
  if (found == subscriptions_.end()) {
    refuse("UNSUBSCRIBE: there is no subscription " + shown(*key), frame);
    return;
  }
  end_subscription(found);
  done(receipt_of(frame));
}

// ---- ACK, NACK

// By `id`, what a 1.2 MESSAGE had as `ack`, or by `message-id`, in whatever version. Of several
// deliveries with that id `subscription` chooses; without one that fits, the first is meant.
std::optional<StompSession::Meant> StompSession::find_meant(const StompFrame& frame) {
  const std::string* const hint = frame.header("subscription");
  std::optional<Meant> found;
  for (const std::string_view name : {"id", "message-id"}) {
    const std::string* const given = frame.header(name);
    if (given == nullptr) continue;
    const std::optional<std::uint64_t> number = parse_delivery(*given);
    const std::optional<MessageId> message = MessageId::parse(*given);
    for (auto one = subscriptions_.begin(); one != subscriptions_.end(); ++one) {
      const StompSubscription& subscription = one->second;
      std::optional<std::uint64_t> meant;
      if (number && subscription.has(*number)) meant = number;
      if (message) meant = subscription.find(*message);
      if (!meant) continue;
      const bool fits = hint != nullptr && subscription.asked().id == *hint;
      if (!found || fits) found = Meant{one, *meant};
      if (fits) return found;
    }
    if (found) return found;
  }
  return found;
}

// It is settled already: by an ACK that was for it too, or by having been written.
bool StompSession::was_settled(const StompFrame& frame) const {
  for (const std::string_view name : {"id", "message-id"}) {
    const std::string* const given = frame.header(name);
    if (given == nullptr) continue;
    if (const auto number = parse_delivery(*given)) return *number != 0 && *number < next_delivery_;
    const std::optional<MessageId> message = MessageId::parse(*given);
    if (message && std::ranges::find(recent_, *message) != recent_.end()) return true;
  }
  return false;
}

void StompSession::acknowledge(const StompFrame& frame, Verdict verdict) {
  StompTransaction* transaction = nullptr;
  if (frame.header("transaction") != nullptr) {
    transaction = find_transaction(frame);
    if (transaction == nullptr || !has_place(*transaction, frame)) return;
  }
  const std::optional<Meant> meant = find_meant(frame);
  if (!meant) {
    if (was_settled(frame)) {
      done(receipt_of(frame));
    } else {
      refuse(frame.command + ": no such delivery is waiting for it on this connection", frame);
    }
    return;
  }
  StompSubscription& subscription = meant->subscription->second;
  const std::string queue = subscription.queue();
  std::vector<StompHeld> held = subscription.take(meant->number);
  if (transaction == nullptr) {
    backend_.settle(expect(receipt_of(frame)), queue, verdict, note_settled(held));
  } else {
    for (const StompHeld& one : held) {
      transaction->settled.push_back({meant->subscription->first, queue, verdict, one});
    }
    done(receipt_of(frame));
  }
  backend_.note_room(queue);
}

// ---- BEGIN, COMMIT, ABORT

// nullptr: there is none, and it was refused.
StompTransaction* StompSession::find_transaction(const StompFrame& frame) {
  const std::string* const name = frame.header("transaction");
  if (name == nullptr) {
    refuse(frame.command + " has no transaction", frame);
    return nullptr;
  }
  const auto found = transactions_.find(*name);
  if (found == transactions_.end()) {
    refuse(frame.command + ": there is no transaction " + shown(*name), frame);
    return nullptr;
  }
  return &found->second;
}

bool StompSession::has_place(const StompTransaction& transaction, const StompFrame& frame) {
  const std::size_t frames = transaction.sends.size() + transaction.settled.size();
  if (frames < limits_.transaction_frames &&
      transaction.bytes + frame.body.size() <= limits_.transaction_bytes) {
    return true;
  }
  refuse("a transaction has at most " + std::to_string(limits_.transaction_frames) +
             " frames and " + std::to_string(limits_.transaction_bytes) + " bytes",
         frame);
  return false;
}

void StompSession::begin(const StompFrame& frame) {
  const std::string* const name = frame.header("transaction");
  if (name == nullptr) {
    refuse("BEGIN has no transaction", frame);
  } else if (transactions_.contains(*name)) {
    refuse("BEGIN: there is a transaction " + shown(*name) + " already", frame);
  } else if (transactions_.size() >= limits_.transactions) {
    refuse("a connection has at most " + std::to_string(limits_.transactions) +
               " transactions at a time",
           frame);
  } else {
    transactions_.try_emplace(*name);
    done(receipt_of(frame));
  }
}

void StompSession::commit(const StompFrame& frame) {
  StompTransaction* const found = find_transaction(frame);
  if (found == nullptr) return;
  StompTransaction transaction = std::move(*found);
  transactions_.erase(*frame.header("transaction"));
  for (const StompSettled& one : transaction.settled) note_settled({one.held});
  const StompTicket ticket = expect(receipt_of(frame), transaction.bytes);
  backend_.commit(ticket, std::move(transaction));
}

// What it had acknowledged waits for an ACK again.
void StompSession::abort(const StompFrame& frame) {
  StompTransaction* const found = find_transaction(frame);
  if (found == nullptr) return;
  StompTransaction transaction = std::move(*found);
  transactions_.erase(*frame.header("transaction"));
  for (const StompSettled& one : transaction.settled) {
    const auto subscription = subscriptions_.find(one.subscription);
    if (subscription == subscriptions_.end()) {
      release(one.queue, {one.held});
    } else {
      subscription->second.put_back({one.held});
    }
  }
  done(receipt_of(frame));
}

// ---- DISCONNECT

void StompSession::disconnect(const StompFrame& frame) {
  end_input();
  answers_.add({receipt_of(frame), std::nullopt, true});
  tell();
}

}  // namespace spoolmq::adapters

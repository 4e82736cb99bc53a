// What the sessions of a STOMP server ask of queues, and what comes of it.

#include <algorithm>
#include <utility>

#include "adapters/stomp_dead_desk.h"
#include "adapters/stomp_rooms.h"
#include "adapters/stomp_server.h"
#include "adapters/stomp_told.h"
#include "core/log.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kExtendLookMs = 1'000;
constexpr std::int64_t kIdleMs = 30'000;  // a queue that nobody used since is closed
constexpr std::int64_t kAbandonedLookMs = 60'000;

}  // namespace

// Throws Error where there are too many.
StompServer::Counter& StompServer::counter(const std::string& name) {
  const auto found = counters_.find(name);
  if (found != counters_.end()) return found->second;
  Counter made;
  made.extended_ms = now_ms_;
  if (name.starts_with(kStompDead)) {
    made.desk = std::make_shared<StompDeadDesk>(name, name.substr(kStompDead.size()), place_,
                                                settings_.desk_rules(), mailbox_);
  } else {
    made.desk = desks_.desk(name);
  }
  return counters_.emplace(name, std::move(made)).first->second;
}

void StompServer::refuse(const StompTicket& ticket, const std::exception& error) {
  mailbox_.put(std::vector{StompOutcome{ticket, told(error)}});
}

// ---- What sessions ask

void StompServer::check(std::uint64_t connection, StompCredentials login) {
  const Peer& peer = connections_.at(connection)->peer();
  const std::uint64_t ticket = access_.checks()->ask(
      {std::move(login.name), std::move(login.passcode), Access::where(peer)});
  logins_[ticket] = connection;
}

void StompServer::send(StompTicket ticket, StompSend send) {
  try {
    if (send.destination.kind == StompDestination::Kind::kTopic) {
      committer_.send_to_topic(ticket, std::move(send));
      return;
    }
    std::shared_ptr<StompQueueDesk> desk = desks_.desk(send.destination.name);
    desk->send({ticket, std::move(send.message), send.durability, send.missing,
                std::move(send.destination.request)});
    note_asked(std::move(desk));
  } catch (const std::exception& error) {
    refuse(ticket, error);
  }
}

void StompServer::settle(StompTicket ticket, const std::string& queue, Verdict verdict,
                         std::vector<Receipt> receipts) {
  const std::shared_ptr<StompDesk>& desk = counter(queue).desk;
  desk->settle(ticket, verdict, std::move(receipts));
  note_asked(desk);
}

// Dead letters are no part of it: they are deleted, which cannot be taken back.
void StompServer::commit(StompTicket ticket, StompTransaction transaction) {
  std::erase_if(transaction.settled, [this](const StompSettled& one) {
    if (!one.queue.starts_with(kStompDead)) return false;
    counter(one.queue).desk->settle({}, one.verdict, {one.held.receipt});
    return true;
  });
  committer_.commit(ticket, std::move(transaction));
}

void StompServer::open(StompTicket ticket, const StompOpening& opening) {
  const bool is_dead = opening.kind == StompOpening::Kind::kDead;
  const std::string name = is_dead ? std::string(kStompDead) + opening.queue : opening.queue;
  try {
    counter(name).desk->open(ticket, opening);
    opening_[{ticket.connection, ticket.number}] = name;
  } catch (const std::exception& error) {
    refuse(ticket, error);
  }
}

// A desk that still has something to do ends behind that, and then its queue.
void StompServer::close(const StompOpening& opening) {
  begin_work(Left::kToTheDesks);
  counters_.erase(opening.queue);
  std::shared_ptr<StompDesk> desk = desks_.take(opening.queue);
  tidying_.put([this, opening, desk]() mutable {
    desk.reset();
    remove_room(*place_.root, opening);
  });
}

void StompServer::note_room(const std::string& queue) {
  const auto found = counters_.find(queue);
  if (found == counters_.end()) return;
  if (!std::exchange(found->second.is_changed, true)) changed_.push_back(queue);
}

// ---- What comes of it

void StompServer::take_mail() {
  StompMailbox::Contents mail = mailbox_.empty();
  for (const StompOutcome& one : mail.outcomes) take_outcome(one);
  for (StompTaken& one : mail.taken) hand_out(std::move(one));
}

void StompServer::take_logins() {
  if (access_.checks() == nullptr) return;
  for (const LoginAnswer& answer : access_.checks()->take_answers()) {
    const auto asked = logins_.find(answer.ticket);
    if (asked == logins_.end()) continue;
    const auto found = connections_.find(asked->second);
    logins_.erase(asked);
    if (found == connections_.end()) continue;
    StompConnection& connection = *found->second;
    std::optional<std::string> failure;
    if (answer.outcome != LoginOutcome::kProved) failure = Access::refusal(answer);
    connection.session().admit(std::move(failure));
    touch(found->first, connection);
    note_ready(found->first, connection);
  }
}

void StompServer::take_outcome(const StompOutcome& outcome) {
  if (outcome.messages > 0 && !outcome.failure && place_.counters != nullptr) {
    AdapterCounters& counters = *place_.counters;
    counters.moved.fetch_add(outcome.messages, std::memory_order_relaxed);
    counters.bytes.fetch_add(outcome.bytes, std::memory_order_relaxed);
    counters.last_success_wall_ms.store(clock().wall_ms(), std::memory_order_relaxed);
  }
  if (!outcome.id.is_nil() && place_.on_moved) place_.on_moved(outcome.id, {}, outcome.bytes);
  const StompTicket& ticket = outcome.ticket;
  if (ticket.number == 0) return;
  std::string desk;
  if (ticket.subscription != 0) {
    const auto opened = opening_.find({ticket.connection, ticket.number});
    if (opened != opening_.end()) {
      desk = opened->second;
      opening_.erase(opened);
    }
  }
  const auto found = connections_.find(ticket.connection);
  if (found == connections_.end()) return;
  found->second->session().settle(ticket.number, outcome.failure);
  touch(found->first, *found->second);
  if (found->second->has_more())
    note_ready(found->first, *found->second);  // it may take them again
  if (!desk.empty() && !outcome.failure) begin_reading(ticket, desk);
}

void StompServer::begin_reading(const StompTicket& ticket, const std::string& desk) {
  counter(desk).readers.push_back({ticket.connection, ticket.subscription});
  note_room(desk);
}

// The readers take turns; one that has no room is passed over.
StompServer::Reader* StompServer::next_reader(Counter& counter) {
  for (std::size_t i = 0; i < counter.readers.size(); ++i) {
    Reader& reader = counter.readers[(counter.next + i) % counter.readers.size()];
    const auto found = connections_.find(reader.connection);
    if (found == connections_.end()) continue;
    if (found->second->session().room(reader.subscription) == 0) continue;
    counter.next = (counter.next + i + 1) % counter.readers.size();
    return &reader;
  }
  return nullptr;
}

void StompServer::hand_out(StompTaken taken) {
  // Where the queue is gone already, the leases end with what was taken.
  const auto found = counters_.find(taken.desk);
  if (found == counters_.end()) return;
  Counter& from = found->second;
  from.collected += taken.messages.size();
  std::vector<Receipt> unwanted;
  for (StompTaken::One& one : taken.messages) {
    if (one.lease) one.lease->detach();
    const Reader* const reader = next_reader(from);
    if (reader == nullptr) {
      unwanted.push_back(one.receipt);
      continue;
    }
    StompConnection& connection = *connections_.at(reader->connection);
    connection.session().deliver(reader->subscription, one.message, std::move(one.body),
                                 one.receipt, one.deliveries);
    touch(reader->connection, connection);
  }
  if (!unwanted.empty()) {
    from.desk->settle({}, Verdict::kRelease, std::move(unwanted));
    note_asked(from.desk);
  }
  note_room(taken.desk);
}

void StompServer::tell_room() {
  for (const std::string& name : std::exchange(changed_, {})) {
    const auto known = counters_.find(name);
    if (known == counters_.end()) continue;
    Counter& changed = known->second;
    changed.is_changed = false;
    std::erase_if(changed.readers, [this](const Reader& reader) {
      const auto found = connections_.find(reader.connection);
      return found == connections_.end() ||
             !found->second->session().has_subscription(reader.subscription);
    });
    std::size_t room = 0;
    for (const Reader& reader : changed.readers) {
      room += connections_.at(reader.connection)->session().room(reader.subscription);
    }
    changed.desk->want(room, std::exchange(changed.collected, 0));
  }
}

void StompServer::extend_leases() {
  if (now_ms_ < extend_ms_) return;
  extend_ms_ = now_ms_ + kExtendLookMs;
  std::map<std::string, std::vector<Receipt>> due;
  for (auto& [queue, one] : counters_) {
    if (now_ms_ - one.extended_ms < one.desk->extend_after_ms()) continue;
    one.extended_ms = now_ms_;
    due[queue] = {};
  }
  if (!due.empty()) {
    for (const auto& [token, connection] : connections_) {
      connection->session().for_each_held([&due](const std::string& queue, const Receipt& receipt) {
        const auto found = due.find(queue);
        if (found != due.end()) found->second.push_back(receipt);
      });
    }
    for (auto& [queue, receipts] : due) {
      if (!receipts.empty()) counters_.at(queue).desk->extend(std::move(receipts));
    }
  }
  drop_idle();
  if (now_ms_ - abandoned_ms_ < kAbandonedLookMs) return;
  abandoned_ms_ = now_ms_;
  tidying_.put([this] { remove_abandoned_rooms(*place_.root, clock().wall_ms()); });
}

// Whoever sends to a queue needs no counter; its desk stays a while.
void StompServer::drop_idle() {
  std::vector<std::shared_ptr<StompDesk>> dropped;
  for (auto one = counters_.begin(); one != counters_.end();) {
    const Counter& counter = one->second;
    const bool is_over = counter.readers.empty() && !counter.is_changed && counter.desk->is_idle();
    if (is_over) dropped.push_back(counter.desk);
    one = is_over ? counters_.erase(one) : std::next(one);
  }
  for (std::shared_ptr<StompQueueDesk>& one : desks_.take_idle(now_ms_ - kIdleMs)) {
    dropped.push_back(std::move(one));
  }
  if (!dropped.empty()) tidying_.put([dropped = std::move(dropped)]() mutable { dropped.clear(); });
}

}  // namespace spoolmq::adapters

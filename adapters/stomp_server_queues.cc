// What the sessions of a STOMP server ask of queues, and what comes of it.

#include <algorithm>
#include <utility>

#include "adapters/stomp_server.h"
#include "core/log.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kExtendLookMs = 1'000;
constexpr std::int64_t kIdleMs = 30'000;    // a queue that nobody used since is closed
constexpr std::size_t kMostQueues = 1'000;  // open at a time

}  // namespace

StompServer::Counter& StompServer::counter(const std::string& queue) {
  Counter& found = counters_[queue];
  found.used_ms = now_ms_;
  if (found.desk == nullptr) {
    const StompDesk::Rules rules{.missing = settings_.missing,
                                 .most_body_bytes = settings_.frames.body_bytes};
    found.desk = std::make_unique<StompDesk>(queue, place_, rules, mailbox_);
    found.extended_ms = now_ms_;
  }
  return found;
}

bool StompServer::may_open(const StompTicket& ticket, const std::string& queue) {
  if (counters_.contains(queue) || counters_.size() < kMostQueues) return true;
  mailbox_.put(std::vector{StompOutcome{
      ticket, "more than " + std::to_string(kMostQueues) + " queues are in use at a time"}});
  return false;
}

// ---- What sessions ask

void StompServer::send(StompTicket ticket, StompSend send) {
  switch (send.destination.kind) {
    case StompDestination::Kind::kQueue:
      if (!may_open(ticket, send.destination.name)) return;
      counter(send.destination.name).desk->send(ticket, std::move(send.message), send.durability);
      return;
    default:
      mailbox_.put(std::vector{StompOutcome{ticket, "this kind of destination is not served"}});
  }
}

void StompServer::settle(StompTicket ticket, const std::string& queue, Verdict verdict,
                         std::vector<Receipt> receipts) {
  counter(queue).desk->settle(ticket, verdict, std::move(receipts));
}

void StompServer::commit(StompTicket ticket, StompTransaction transaction) {
  static_cast<void>(transaction);
  mailbox_.put(std::vector{StompOutcome{ticket, "transactions are not served"}});
}

void StompServer::open(StompTicket ticket, const StompOpening& opening) {
  if (opening.kind != StompOpening::Kind::kQueue) {
    mailbox_.put(std::vector{StompOutcome{ticket, "this kind of destination is not served"}});
    return;
  }
  if (!may_open(ticket, opening.queue)) return;
  opening_[{ticket.connection, ticket.number}] = opening.queue;
  counter(opening.queue).desk->open(ticket, opening);
}

void StompServer::close(const StompOpening& opening) { static_cast<void>(opening); }

void StompServer::note_room(const std::string& queue) {
  Counter& changed = counter(queue);
  if (!std::exchange(changed.is_changed, true)) changed_.push_back(queue);
}

// ---- What comes of it

void StompServer::take_mail() {
  StompMailbox::Contents mail = mailbox_.empty();
  for (const StompOutcome& one : mail.outcomes) take_outcome(one);
  for (StompTaken& one : mail.taken) hand_out(std::move(one));
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
  std::string queue;
  if (ticket.subscription != 0) {
    const auto opened = opening_.find({ticket.connection, ticket.number});
    if (opened != opening_.end()) {
      queue = opened->second;
      opening_.erase(opened);
    }
  }
  const auto found = connections_.find(ticket.connection);
  if (found == connections_.end()) return;
  found->second->session().settle(ticket.number, outcome.failure);
  touch(found->first, *found->second);
  note_ready(found->first, *found->second);  // it may take frames again
  if (!queue.empty() && !outcome.failure) begin_reading(ticket, queue);
}

void StompServer::begin_reading(const StompTicket& ticket, const std::string& queue) {
  counter(queue).readers.push_back({ticket.connection, ticket.subscription});
  note_room(queue);
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
  Counter& from = counter(taken.queue);
  from.collected += taken.deliveries.size();
  std::vector<Receipt> unwanted;
  for (std::size_t i = 0; i < taken.deliveries.size(); ++i) {
    Delivery& delivery = taken.deliveries[i];
    const Reader* const reader = next_reader(from);
    if (reader == nullptr) {
      unwanted.push_back(delivery.detach());
      continue;
    }
    StompConnection& connection = *connections_.at(reader->connection);
    const std::int64_t deliveries = delivery.counters().deliveries;
    const Receipt receipt = delivery.receipt();
    connection.session().deliver(reader->subscription, delivery.message(),
                                 std::move(taken.bodies[i]), receipt, deliveries);
    delivery.detach();
    touch(reader->connection, connection);
  }
  if (!unwanted.empty()) from.desk->settle({}, Verdict::kRelease, std::move(unwanted));
  note_room(taken.queue);
}

void StompServer::tell_room() {
  for (const std::string& queue : std::exchange(changed_, {})) {
    Counter& changed = counters_.at(queue);
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
  close_idle();
}

void StompServer::close_idle() {
  for (auto one = counters_.begin(); one != counters_.end();) {
    Counter& counter = one->second;
    const bool is_idle = counter.readers.empty() && !counter.is_changed &&
                         now_ms_ - counter.used_ms > kIdleMs && counter.desk->is_idle();
    if (is_idle) closing_.put(std::move(counter.desk));
    one = is_idle ? counters_.erase(one) : std::next(one);
  }
}

}  // namespace spoolmq::adapters

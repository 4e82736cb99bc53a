#include "adapters/outflow.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/check.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {

bool is_drained(Queue& queue) {
  const QueueStats stats = queue.stats();
  return stats.of(State::kReady).messages + stats.of(State::kDelayed).messages +
             stats.of(State::kLeased).messages ==
         0;
}

void heed(Verdict verdict, const AdapterPlace& place, std::string_view why) {
  if (!is_out_of_order(verdict)) return;
  throw Error(verdict == Verdict::kPause ? ErrorCode::kUnavailable : ErrorCode::kConfiguration,
              "hand on", place.name, why);
}

Outflow::Outflow(Queue& queue, const AdapterPlace& place, std::size_t window)
    : queue_(queue),
      place_(place),
      window_(window),
      extend_after_ms_(queue.settings().lease.count() / 3),
      waiting_([this](const std::stop_token& stop) { wait_in_queue(stop); }) {}

Outflow::~Outflow() {
  waiting_.request_stop();
  waiting_.join();
  try {
    flush();
    release_all();
  } catch (const std::exception& error) {
    // Their leases end with this process, or at their deadline; the number of deliveries tells.
    log::warn("could not settle what was under way",
              {{"adapter", place_.name}, {"why", error.what()}});
  }
}

void Outflow::release_all() {
  std::vector<Receipt> receipts;
  for (Held& one : handed_) receipts.push_back(one.delivery.detach());
  for (Held& one : taken_) receipts.push_back(one.delivery.detach());
  if (!receipts.empty()) static_cast<void>(queue_.release(receipts));
}

// ---- The thread that waits

void Outflow::wait_in_queue(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    try {
      take(stop);
    } catch (const std::exception&) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      bell_.ring();
    }
  }
}

void Outflow::take(const std::stop_token& stop) {
  ReceiveOptions options;
  {
    std::unique_lock lock(mutex_);
    const auto may_take = [this] { return unsettled_ < window_ && failure_ == nullptr; };
    if (!has_room_.wait(lock, stop, may_take)) return;
    options.max = window_ - unsettled_;
  }
  options.wait = std::nullopt;
  options.kind = LeaseKind::kBound;
  options.as = place_.name;
  options.cancelled = [&stop] { return stop.stop_requested(); };
  std::vector<Delivery> deliveries = queue_.receive_batch(options);
  const std::int64_t now_ms = place_.clock->boot_ms();
  const std::lock_guard lock(mutex_);
  unsettled_ += deliveries.size();
  for (Delivery& delivery : deliveries) taken_.push_back({std::move(delivery), now_ms});
  if (!deliveries.empty()) bell_.ring();
}

// ---- The bridge's thread

Delivery* Outflow::next() {
  const std::lock_guard lock(mutex_);
  if (taken_.empty()) {
    bell_.silence();
    if (failure_ == nullptr) return nullptr;
    has_room_.notify_one();
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
  handed_.push_back(std::move(taken_.front()));
  taken_.pop_front();
  return &handed_.back().delivery;
}

const Delivery* Outflow::find(const MessageId& id) const {
  const auto found = std::ranges::find_if(
      handed_, [&id](const Held& one) { return one.delivery.message().id == id; });
  return found == handed_.end() ? nullptr : &found->delivery;
}

// By value: the id that a caller has is most likely the one in the delivery, which ends here.
void Outflow::settle(MessageId id, Verdict verdict, std::string_view why) {
  const auto found = std::ranges::find_if(
      handed_, [&id](const Held& one) { return one.delivery.message().id == id; });
  SPOOLMQ_CHECK(found != handed_.end());
  Delivery delivery = std::move(found->delivery);
  handed_.erase(found);
  if (verdict == Verdict::kAck) {
    acked_bytes_ += delivery.message().body_size();
    acked_.push_back(std::move(delivery));
    return;
  }
  free_places(1);
  try {
    switch (verdict) {
      case Verdict::kNack:
        delivery.nack(why);
        break;
      case Verdict::kReject:
        delivery.reject(why);
        tell_refused(id, why);
        break;
      case Verdict::kNone:
        delivery.detach();
        break;
      default:
        delivery.release();
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLeaseLost) throw;
    log::warn("the lease had ended", {{"adapter", place_.name}, {"id", id.text()}});
  }
}

void Outflow::flush() {
  if (acked_.empty()) return;
  std::vector<Receipt> receipts;
  receipts.reserve(acked_.size());
  for (const Delivery& delivery : acked_) receipts.push_back(delivery.receipt());
  const std::vector<LeaseOutcome> outcomes = queue_.ack(receipts);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    acked_[i].detach();
    if (outcomes[i] != LeaseOutcome::kLost) continue;
    log::warn("handed on, but its lease had ended: it will be delivered again",
              {{"adapter", place_.name}, {"id", receipts[i].id.text()}});
  }
  note_acked();
}

void Outflow::note_acked() {
  if (AdapterCounters* const counters = place_.counters) {
    counters->moved.fetch_add(acked_.size(), std::memory_order_relaxed);
    counters->bytes.fetch_add(acked_bytes_, std::memory_order_relaxed);
    counters->last_success_wall_ms.store(place_.clock->wall_ms(), std::memory_order_relaxed);
  }
  if (place_.on_moved) {
    for (const Delivery& delivery : acked_) {
      const Message& message = delivery.message();
      place_.on_moved(message.id, message.id.text(), message.body_size());
    }
  }
  free_places(acked_.size());
  acked_.clear();
  acked_bytes_ = 0;
}

std::int64_t Outflow::extend_due() {
  const std::int64_t now_ms = place_.clock->boot_ms();
  std::int64_t next_ms = now_ms + extend_after_ms_;
  std::vector<Receipt> due;
  for (Held& one : handed_) collect_due(due, one, now_ms, next_ms);
  {
    const std::lock_guard lock(mutex_);
    for (Held& one : taken_) collect_due(due, one, now_ms, next_ms);
  }
  if (!due.empty()) static_cast<void>(queue_.extend(due));  // a lost one tells when it is settled
  return next_ms;
}

void Outflow::collect_due(std::vector<Receipt>& due, Held& one, std::int64_t now_ms,
                          std::int64_t& next_ms) const {
  if (one.extended_boot_ms + extend_after_ms_ <= now_ms) {
    due.push_back(one.delivery.receipt());
    one.extended_boot_ms = now_ms;
  }
  next_ms = std::min(next_ms, one.extended_boot_ms + extend_after_ms_);
}

void Outflow::free_places(std::size_t count) {
  {
    const std::lock_guard lock(mutex_);
    unsettled_ -= count;
  }
  has_room_.notify_one();
}

void Outflow::tell_refused(const MessageId& id, std::string_view why) {
  if (place_.counters != nullptr) place_.counters->refused.fetch_add(1, std::memory_order_relaxed);
  if (place_.on_refused) place_.on_refused(id.text(), std::string(why));
}

}  // namespace spoolmq::adapters

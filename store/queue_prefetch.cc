// Messages that a receiver has leased ahead (ReceiveOptions::prefetch): claimed together, handed
// out one by one, without byte 0. Nobody hands out what may not be its own any more: a new index,
// other settings or a lease that somebody else ended send all of them back.
#include <algorithm>
#include <utility>

#include "core/log.h"
#include "store/queue_impl.h"

namespace spoolmq {

bool QueueImpl::prefetches(const ReceiveOptions& options) {
  return options.prefetch > 1 && options.max == 1 && options.kind == LeaseKind::kBound &&
         options.from.empty();
}

void QueueImpl::keep_prefetched(std::vector<Delivery>& deliveries, const HeldUnder& under,
                                std::int64_t until) {
  if (deliveries.size() < 2) return;
  {
    const std::lock_guard guard(prefetched_mutex_);
    for (auto one = deliveries.begin() + 1; one != deliveries.end(); ++one) {
      prefetched_.push_back(
          {std::move(one->message_), one->detach(), one->counters_, under, until});
    }
  }
  deliveries.erase(deliveries.begin() + 1, deliveries.end());
  start_background(Work::kCleaning);
  bool others_wait = false;
  {
    const std::lock_guard guard(waiters_mutex_);
    others_wait = waiters_ > 0;
  }
  if (others_wait) bell_.ring();  // other threads of this handle
}

bool QueueImpl::has_prefetched() {
  const std::lock_guard guard(prefetched_mutex_);
  return !prefetched_.empty();
}

std::optional<Delivery> QueueImpl::take_prefetched() {
  if (!has_prefetched()) return std::nullopt;
  const layout::LockHeader header = lock_.peek();
  {
    const std::lock_guard guard(prefetched_mutex_);
    if (prefetched_.empty()) return std::nullopt;
    Prefetched& next = prefetched_.front();
    if (next.under == HeldUnder::of(header) && clock_->boot_ms() < next.until &&
        (header.flags & layout::kPausedReceive) == 0) {
      Delivery delivery(shared_from_this(), std::move(next.message), next.receipt, next.counters);
      prefetched_.pop_front();
      return delivery;
    }
  }
  return_prefetched();
  return std::nullopt;
}

void QueueImpl::return_prefetched() {
  std::deque<Prefetched> all;
  {
    const std::lock_guard guard(prefetched_mutex_);
    all.swap(prefetched_);
  }
  if (all.empty()) return;
  std::vector<Receipt> receipts;
  for (const Prefetched& one : all) receipts.push_back(one.receipt);
  try {
    return_undelivered(receipts);
  } catch (...) {
    const std::lock_guard guard(prefetched_mutex_);
    for (; !all.empty(); all.pop_back()) prefetched_.push_front(std::move(all.back()));
    throw;
  }
}

// As if they had not been taken.
void QueueImpl::return_undelivered(std::span<const Receipt> receipts) {
  forget_held(receipts);
  LeaseWork work;
  const auto give_back = [](Session& within, std::span<Row> rows) {
    for (Row& row : rows) {
      --row.counters.deliveries;
      within.index.release(row);
    }
  };
  transact(layout::Purpose::kAcknowledge, [&](Session& session) {
    act_on_leases(session, receipts, give_back, Lost::kSkip, work);
  });
  bell_.ring();
}

// What is not returned here goes with the handle's other leases.
void QueueImpl::return_prefetched_at_the_end() {
  try {
    return_prefetched();
  } catch (const Error& error) {
    log::warn("messages leased ahead are not returned", {{"queue", name()}, {"why", error.what()}});
  }
}

bool QueueImpl::return_prefetched_in_time() {
  {
    const std::lock_guard guard(prefetched_mutex_);
    if (prefetched_.empty()) return false;
    if (clock_->boot_ms() < prefetched_.front().until) return true;
  }
  return_prefetched();
  return false;
}

}  // namespace spoolmq

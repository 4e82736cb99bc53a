// What a queue's desk takes out of it for whoever subscribed.

#include <algorithm>
#include <chrono>
#include <utility>

#include "adapters/stomp_queue_desk.h"
#include "adapters/stomp_told.h"
#include "adapters/whole_body.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostTaken = 128;                   // messages in one batch
constexpr std::uint64_t kMostTakenBytes = 8 << 20;        // of their bodies, about
constexpr std::chrono::milliseconds kFailurePause{1000};  // of a queue that gives nothing

}  // namespace

void StompQueueDesk::receive(const std::stop_token& stop) {
  bool is_told = false;
  while (!stop.stop_requested()) {
    std::size_t most = 0;
    {
      std::unique_lock lock(mutex_);
      const auto is_wanted = [this] { return room_ > uncollected_; };
      if (!wanted_.wait(lock, stop, is_wanted)) return;
      most = room_ - uncollected_;
    }
    try {
      receive_some(stop, std::min(most, batch_messages_));
      is_told = false;
    } catch (const std::exception& error) {
      if (!std::exchange(is_told, true)) {
        log::warn("a queue gives nothing", {{"queue", name_}, {"why", told(error)}});
      }
      std::unique_lock lock(mutex_);
      wanted_.wait_for(lock, stop, kFailurePause, [] { return false; });
    }
  }
}

void StompQueueDesk::receive_some(const std::stop_token& stop, std::size_t most) {
  ReceiveOptions options;
  options.max = most;
  options.wait = std::nullopt;
  options.kind = LeaseKind::kBound;
  options.as = place_.name;
  options.cancelled = [this, &stop] {
    const std::lock_guard lock(mutex_);
    return stop.stop_requested() || room_ <= uncollected_;
  };
  const std::shared_ptr<Queue> from = queue();
  std::vector<Delivery> deliveries = from->receive_batch(options);
  StompTaken taken{name_, {}};
  std::uint64_t bytes = 0;
  for (Delivery& delivery : deliveries) {
    std::optional<std::string> body = body_of(delivery);
    if (!body) continue;
    bytes += body->size();
    taken.messages.push_back({delivery.message(), *std::move(body), delivery.receipt(),
                              delivery.counters().deliveries, std::move(delivery)});
  }
  if (taken.messages.empty()) return;
  const std::uint64_t each = std::max<std::uint64_t>(bytes / taken.messages.size(), 1);
  batch_messages_ = std::clamp<std::size_t>(kMostTakenBytes / each, 1, kMostTaken);
  {
    const std::lock_guard lock(mutex_);
    uncollected_ += taken.messages.size();
  }
  mailbox_.put(std::move(taken));
}

// nullopt: it cannot be handed on, and is dead now.
std::optional<std::string> StompQueueDesk::body_of(Delivery& delivery) {
  std::string why = oversize(delivery.message().body_size(), rules_.most_body_bytes);
  try {
    std::optional<std::string> body = whole_body(delivery, rules_.most_body_bytes);
    if (body) return body;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    why = error.why();
  }
  log::warn("a message goes dead",
            {{"queue", name_}, {"id", delivery.message().id.text()}, {"why", why}});
  delivery.reject(why);
  return std::nullopt;
}

}  // namespace spoolmq::adapters

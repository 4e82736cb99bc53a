#include "adapters/notify_adapter.h"

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kTurnMs = 1000;
constexpr Milliseconds kLookEvery{250};
constexpr Milliseconds kRest{10};  // between two looks while messages wait
// How deep in the queue a witness is looked for: the deeper, the longer it lasts.
constexpr std::size_t kDeep = 1000;
constexpr std::size_t kMostPolled = 10'000;  // between two looks

}  // namespace

NotifyAdapter::NotifyAdapter(const std::string& queue, const NotifySettings& settings,
                             AdapterPlace place)
    : place_(std::move(place)) {
  OpenOptions options;
  options.name = place_.name;
  options.observer = true;
  options.background = false;
  queue_.emplace(place_.root->open_queue(queue, options));
  tail_.emplace(queue_->tail());
  for (const auto& process : settings.processes) registered_.push_back({process});
}

NotifyAdapter::~NotifyAdapter() = default;

void NotifyAdapter::interrupt() { interrupted_.store(true, std::memory_order_relaxed); }

Adapter::Turn NotifyAdapter::turn() {
  refuse_removed();
  const std::int64_t until_boot_ms = place_.clock->boot_ms() + kTurnMs;
  look();
  while (!interrupted_.exchange(false, std::memory_order_relaxed)) {
    const Milliseconds left(until_boot_ms - place_.clock->boot_ms());
    if (left.count() <= 0) break;
    watch(std::min(left, kLookEvery));
    look();
  }
  for (Registered& one : registered_) {
    if (one.process->has_ended()) end(one, "the process has ended");
  }
  drop_ended();
  Turn done;
  done.idle = true;
  done.over = place_.once || registered_.empty();
  return done;
}

// Until something was sent, or for so long.
void NotifyAdapter::watch(Milliseconds longest) {
  if (witness_) std::this_thread::sleep_for(std::min(longest, kRest));
  const auto stop = [this] { return interrupted_.load(std::memory_order_relaxed); };
  const TailMessage* sent = tail_->wait(longest, stop);
  for (std::size_t i = 0; sent != nullptr && i < kMostPolled; sent = tail_->poll(), ++i) {
    newest_ = sent->id();
  }
}

void NotifyAdapter::look() {
  const bool had_some = witness_.has_value();
  const MessageId newest = std::exchange(newest_, MessageId{});
  if (had_some && still_waits(*witness_)) {
    // The newer the witness, the longer it lasts.
    if (!newest.is_nil()) {
      if (const std::optional<Witness> younger = witness_of(newest)) witness_ = younger;
    }
  } else {
    witness_.reset();
    if (!newest.is_nil()) witness_ = witness_of(newest);
    if (!witness_) choose_witness();
    if (witness_) {
      for (Registered& one : registered_) one.owed = true;
    }
  }
  const bool owes = std::ranges::any_of(registered_, &Registered::owed);
  if (owes) signal_all(queue_->stats().of(State::kReady).messages);
}

bool NotifyAdapter::still_waits(const Witness& witness) {
  const std::optional<Witness> now = witness_of(witness.id);
  return now && now->deliveries == witness.deliveries;
}

// nullopt: it is not there to be taken.
std::optional<NotifyAdapter::Witness> NotifyAdapter::witness_of(const MessageId& id) {
  const std::optional<MessageStatus> status = queue_->status(id);
  if (!status || status->state != State::kReady || status->behind_key) return std::nullopt;
  return Witness{id, status->counters.deliveries};
}

void NotifyAdapter::choose_witness() {
  const std::vector<MessageStatus> ready = queue_->next_ready(kDeep);
  if (!ready.empty()) witness_ = Witness{ready.back().id, ready.back().counters.deliveries};
}

void NotifyAdapter::signal_all(std::int64_t waiting) {
  for (Registered& one : registered_) {
    if (one.owed) signal(one, waiting);
  }
  drop_ended();
}

void NotifyAdapter::drop_ended() {
  std::erase_if(registered_, [](const Registered& one) { return one.process == nullptr; });
}

void NotifyAdapter::signal(Registered& one, std::int64_t waiting) {
  constexpr std::int64_t kMost = std::numeric_limits<int>::max();
  switch (one.process->send(static_cast<int>(std::min(waiting, kMost)))) {
    case NotifiedProcess::Sent::kYes:
      one.owed = false;
      if (place_.counters != nullptr) {
        place_.counters->moved.fetch_add(1, std::memory_order_relaxed);
        place_.counters->last_success_wall_ms.store(place_.clock->wall_ms(),
                                                    std::memory_order_relaxed);
      }
      return;
    case NotifiedProcess::Sent::kLater:
      return;  // with the next look
    case NotifiedProcess::Sent::kOver:
      end(one, "the process has ended");
      return;
    case NotifiedProcess::Sent::kDenied:
      end(one, "the process may not be signalled by this user");
      return;
  }
}

void NotifyAdapter::end(Registered& one, const std::string& why) {
  if (place_.counters != nullptr) place_.counters->refused.fetch_add(1, std::memory_order_relaxed);
  if (place_.on_refused) place_.on_refused(one.process->text(), why);
  one.process.reset();
}

void NotifyAdapter::refuse_removed() const {
  if (place_.root->has_queue(queue_->name())) return;
  throw Error(ErrorCode::kNotFound, "notify", queue_->name(), "the queue was removed");
}

}  // namespace spoolmq::adapters

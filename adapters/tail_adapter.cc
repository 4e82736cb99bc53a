#include "adapters/tail_adapter.h"

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kTurnMs = 1000;
constexpr Milliseconds kLongestWait{250};  // until it is asked whether to come to an end
constexpr Milliseconds kNudge{20};         // for room, before it is looked for messages again

std::unique_ptr<TailTarget> make_target(const TailSettings& settings, TargetPlace given) {
  if (const auto* const command = std::get_if<CommandPlace>(&settings.place)) {
    return make_command_target(*command, std::move(given));
  }
  if (const auto* const fifo = std::get_if<FifoPlace>(&settings.place)) {
    return make_fifo_target(*fifo, std::move(given));
  }
  // What was there before the first client would be read to nobody.
  const Hold hold = settings.from == TailOptions::Start::kOldest ? Hold::kForFirst : Hold::kNo;
  return make_socket_target(std::get<SocketPlace>(settings.place), std::move(given), hold);
}

}  // namespace

TailAdapter::TailAdapter(TailSettings settings, AdapterPlace place, TailJson json)
    : settings_(std::move(settings)), place_(std::move(place)) {
  OpenOptions options;
  options.name = place_.name;
  options.observer = true;
  options.background = false;
  queue_.emplace(place_.root->open_queue(settings_.queue, options));
  const auto on_bad = [this](const MessageId& id, const std::string& why) {
    if (place_.counters != nullptr)
      place_.counters->refused.fetch_add(1, std::memory_order_relaxed);
    if (place_.on_refused) place_.on_refused(id.text(), why);
  };
  stream_.emplace(*queue_, queue_->tail({settings_.from, {}}),
                  TailStream::Rules{settings_.framing, std::move(json), on_bad});
  target_ = make_target(settings_, {place_.name, place_.clock});
}

TailAdapter::~TailAdapter() = default;

void TailAdapter::interrupt() { interrupted_.store(true, std::memory_order_relaxed); }

Adapter::Turn TailAdapter::turn() {
  try {
    const bool moved = rounds();
    interrupted_.store(false, std::memory_order_relaxed);
    count();
    return {0, !moved};
  } catch (const std::exception&) {
    interrupted_.store(false, std::memory_order_relaxed);
    count();
    throw;
  }
}

bool TailAdapter::rounds() {
  refuse_removed();
  const std::int64_t until_boot_ms = place_.clock->boot_ms() + kTurnMs;
  bool moved = false;
  while (!interrupted_.load(std::memory_order_relaxed)) {
    const Milliseconds left(until_boot_ms - place_.clock->boot_ms());
    if (left.count() <= 0) break;
    moved |= round(left);
  }
  return moved;
}

// Whoever connected before a message was read is there before it is put. False: there was nothing
// to do, and it waited for that.
bool TailAdapter::round(Milliseconds left) {
  attend();
  if (has_piece_ && !target_->has_room()) {
    target_->wait(std::min(left, kLongestWait));
    return false;
  }
  if (std::exchange(has_piece_, false)) put();
  const bool behind = target_->is_behind();
  has_piece_ = stream_->next(piece_, behind ? Milliseconds{0} : left, [this] {
    return interrupted_.load(std::memory_order_relaxed) || target_->has_news();
  });
  tell_gone();
  if (!has_piece_ && behind) target_->wait(std::min(left, kNudge));
  return has_piece_;
}

// Whatever the other side's refusal is, the position is worth more than a new adapter.
template <typename Act>
void TailAdapter::with_target(const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    throw Error(ErrorCode::kTryAgain, error.operation(), error.subject(), error.why());
  }
}

void TailAdapter::attend() {
  const bool inside = has_piece_ ? piece_.begins_inside : stream_->is_inside();
  with_target([&] { target_->attend(inside ? At::kInside : At::kMessage); });
}

void TailAdapter::put() {
  with_target([this] { target_->put(piece_); });
  count();
}

void TailAdapter::count() {
  AdapterCounters* const counters = place_.counters;
  const TailMoved moved = target_->take_moved();
  if (counters == nullptr) return;
  constexpr auto kRelaxed = std::memory_order_relaxed;
  counters->waiting.store(target_->messages_waiting() + (has_piece_ ? piece_.ends.size() : 0),
                          kRelaxed);
  // Where a body brings its own end of line, its message is over without another byte.
  if (moved.messages == 0 && moved.bytes == 0) return;
  counters->moved.fetch_add(moved.messages, kRelaxed);
  counters->bytes.fetch_add(moved.bytes, kRelaxed);
  counters->last_success_wall_ms.store(place_.clock->wall_ms(), kRelaxed);
}

void TailAdapter::tell_gone() {
  const std::uint64_t gone = stream_->counts().gone;
  const std::uint64_t more = gone - std::exchange(told_gone_, gone);
  if (more == 0) return;
  log::warn("messages were gone before they could be read",
            {{"adapter", place_.name}, {"queue", settings_.queue}, {"messages", more}});
}

void TailAdapter::refuse_removed() const {
  if (place_.root->has_queue(settings_.queue)) return;
  throw Error(ErrorCode::kNotFound, "tail", settings_.queue, "the queue was removed");
}

}  // namespace spoolmq::adapters

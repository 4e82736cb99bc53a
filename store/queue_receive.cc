// Receiving: claims under byte 0, bodies read outside it.
#include <sched.h>

#include <algorithm>
#include <utility>

#include "core/futex.h"
#include "core/log.h"
#include "store/quarantine.h"
#include "store/queue_impl.h"
#include "store/spool_scan.h"

namespace spoolmq {
namespace {

constexpr Milliseconds kLongestSleep{250};
constexpr Milliseconds kLongestRest{3'600'000};  // of whoever does not watch
constexpr std::int64_t kProbeEveryMs = 250;
constexpr std::int64_t kLongestSpinNs = 150'000;
constexpr std::int64_t kProbeAnywayMs = 2000;
constexpr std::size_t kMostPerClaim = 4096;
constexpr std::int64_t kShortestLeaseAheadMs = 4000;
constexpr std::size_t kMovedPerSlice = 1000;
// Making a log of acknowledgements costs a few syncs, and many who compete share those of the
// index.
constexpr int kTakenAlone = 16;

std::string_view damage_text(Damage damage) {
  switch (damage) {
    case Damage::kMissing:
      return "missing";
    case Damage::kChecksum:
      return "checksum";
    case Damage::kOther:
      return "another message stands in its place";
  }
  return "";
}

// What somebody else has claimed for us.
Index::Claimed claimed_by(const RequestBoard::Post& post) {
  const RequestBoard::Answer& answer = post.answer();
  Index::Claimed claimed;
  claimed.row.id = answer.id;
  claimed.row.token = post.request().claim_token();
  claimed.row.counters = answer.counters;
  claimed.row.flags = answer.flags;
  claimed.at = answer.at;
  return claimed;
}

}  // namespace

// What the waiting threads of this handle share: one record lock (byte 2, who watches the slots)
// and one flag that `consumers` shows. The last to leave gives both back.
class QueueImpl::Waiter {
 public:
  explicit Waiter(QueueImpl& queue) : queue_(queue) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { leave(); }
  // May come back.
  void leave() noexcept {
    try {
      const std::lock_guard guard(queue_.waiters_mutex_);
      const bool watched = std::exchange(watches_, false);
      const bool was_shown = std::exchange(shown_, false);
      if (watched && --queue_.watchers_ == 0) queue_.lock_.release_byte(layout::kByteWatch);
      if (was_shown && --queue_.waiters_ == 0) queue_.handles_.clear_flag(layout::kWaiting);
    } catch (const Error& error) {
      // Shown by `consumers` only; the byte goes with the process.
      log::warn("still shown as waiting", {{"queue", queue_.name()}, {"why", error.what()}});
    }
  }
  [[nodiscard]] bool watches() const { return watches_; }
  bool watch() {
    if (watches_) return true;
    const std::lock_guard guard(queue_.waiters_mutex_);
    watches_ = queue_.lock_.try_byte(layout::kByteWatch);
    if (watches_) ++queue_.watchers_;
    return watches_;
  }
  void show() {
    if (shown_) return;
    const std::lock_guard guard(queue_.waiters_mutex_);
    if (queue_.waiters_++ == 0) queue_.handles_.set_flag(layout::kWaiting);
    shown_ = true;
  }

 private:
  QueueImpl& queue_;
  bool watches_ = false;
  bool shown_ = false;
};

std::vector<Delivery> QueueImpl::try_receive(const ReceiveOptions& options, const Look& look,
                                             bool* paused_now, bool* look_again) {
  *look_again = false;
  std::vector<Index::Claimed> claimed;
  std::vector<Loaded> loaded;
  bool others_may_have_some = false;
  bool left_for_others = false;  // who may sleep beside it: they rely on whoever looks
  const bool timed = options.kind == LeaseKind::kTimed;
  HeldUnder under;              // of what is claimed
  bool is_acked_early = false;  // it may be
  std::int64_t prefetched_until = 0;
  if (!timed) handles_.set_flag(layout::kOwnsLeases);
  LeaseWork settled;
  const Act settle = [&](Session& session) {
    act_on_leases(session, look.done, acknowledge, Lost::kSkip, settled);
  };
  const Act act = [&](Session& session) {
    claimed.clear();
    loaded.clear();
    others_may_have_some = false;
    left_for_others = false;
    *paused_now = false;
    under = HeldUnder::of(session.header);
    is_acked_early = !timed && allows_early_acks(session.settings);
    if (!look.done.empty()) {
      settle(session);
      if (std::ranges::count(settled.outcomes, LeaseOutcome::kLost) > 0) return;
    }
    if ((session.header.flags & layout::kPausedReceive) != 0) {
      const std::optional<Pause> pause = paused();
      *paused_now = pause && pause->receive;
      if (*paused_now) return;
      session.header.flags = 0;  // it was for a time, and that is over
      others_may_have_some = true;
    }
    LeaseRequest request;
    request.max = options.max;
    request.holder = timed ? 0 : handles_.incarnation();
    request.length_ms = options.lease.value_or(session.settings.lease).count();
    // A shorter one might end before somebody looks whether it is to be given back.
    if (prefetches(options) && request.length_ms >= kShortestLeaseAheadMs) {
      request.max = options.prefetch;
    }
    request.max = std::min(request.max, kMostPerClaim);
    request.from = options.from;
    prefetched_until = session.now.boot_ms + request.length_ms / 2;
    if (!timed && options.from.empty()) {
      if (auto adopted = adopt(session)) {
        claimed.push_back(std::move(*adopted));
        return;
      }
    }
    const std::function<void()> move_due = [&] {
      others_may_have_some = QueueImpl::move_due(session) || others_may_have_some;
    };
    std::optional<Unsynced> unsynced;
    const AtOnce at_once{request, claimed, loaded, move_due};
    if (look.ahead) {
      // Not twice from one handle: whoever owns it takes what its record says of rows for final.
      harvest(session, look.ahead->slot);
      unsynced = harvest_ahead(session, *look.ahead, at_once);
    }
    if (!unsynced) harvest(session, {}, &at_once);
    if (claimed.empty()) {
      move_due();
      claimed = session.index.claim(request, session.now);
    }
    const bool long_ago = session.now.boot_ms - last_probe_boot_ms_ >= kProbeEveryMs;
    const bool probes =
        look.probe == Probe::kYes || (look.probe == Probe::kUnlessDone && nobody_watches());
    if (probes && (long_ago || claimed.empty())) {
      others_may_have_some = probe_slots(session) || others_may_have_some;
      if (claimed.empty()) claimed = session.index.claim(request, session.now);
    }
    left_for_others = claimed.empty() && session.index.count(RowState::kReady).messages > 0;
    session.up_to_date = !unsynced;
    if (!unsynced) return;
    session.abandoned = claimed.empty();
    // Everything is done but the commit, while the sender's disk works.
    session.before_commit = [&, unsynced = *unsynced] {
      if (loaded.empty()) loaded = load(claimed);
      look.waiter->leave();
      if (becomes_durable(unsynced)) return true;
      claimed.clear();
      loaded.clear();
      others_may_have_some = false;
      return false;
    };
  };
  bool served = false;
  if (!may_post(options, look)) {
    transact(layout::Purpose::kReceive, act);
  } else {
    RequestBoard::Post post(board_, request_of(options, look.done));
    served = !transact_or_post(layout::Purpose::kReceive, act, post);
    if (served && !post.answer().id.is_nil()) claimed.push_back(claimed_by(post));
    if (served && !look.done.empty()) {
      *look_again = claimed.empty();
      served = take_answer(post.answer(), settled);
      if (!served) transact(layout::Purpose::kAcknowledge, settle);
    }
  }
  // Only one of those who wait looks out for what becomes ready by itself.
  if (others_may_have_some) bell_.ring();
  if (left_for_others && look.probe != Probe::kNo) bell_.wake_takers(1);
  // A timed lease outlives this process: its receipt is shown only once the lease is durable.
  if (look.done.empty() && timed && !claimed.empty()) sync_log();

  if (loaded.empty()) loaded = load(claimed);
  std::vector<Delivery> deliveries = deliver(claimed, std::move(loaded), look_again);
  if (served) taken_alone_ = 0;  // as it is when it serves others
  const bool by_ones = !served && claimed.size() == 1 && goes_by_ones();
  if (is_acked_early && (claimed.size() > 1 || by_ones)) remember_held(deliveries, claimed, under);
  if (prefetches(options)) keep_prefetched(deliveries, under, prefetched_until);
  if (!look.done.empty()) {
    require_leases(follow_leases(settled, AfterLease::kSync, Verdict::kAck, served));
    note_settled(look.done.size());
  }
  return deliveries;
}

bool QueueImpl::goes_by_ones() {
  if (taken_alone_ >= kTakenAlone) return true;
  ++taken_alone_;
  return false;
}

// Those that are whole; what becomes of the others.
std::vector<Delivery> QueueImpl::deliver(const std::vector<Index::Claimed>& claimed,
                                         std::vector<Loaded> loaded, bool* look_again) {
  std::vector<Delivery> deliveries;
  deliveries.reserve(claimed.size());
  for (std::size_t i = 0; i < claimed.size(); ++i) {
    const Row& row = claimed[i].row;
    if (auto* const message = std::get_if<Message>(&loaded[i])) {
      deliveries.push_back(
          Delivery(shared_from_this(), std::move(*message), {row.id, row.token}, row.counters));
      continue;
    }
    const Damage damage = std::get<Damage>(loaded[i]);
    if (damage == Damage::kMissing && (row.flags & kRowOsDurability) != 0) {
      drop_lost(row.id);
      *look_again = true;
      continue;
    }
    if (damage == Damage::kOther || index_lies_about(claimed[i])) {
      log::error("the index names a wrong place", {{"queue", name()}, {"id", row.id.text()}});
      index_doubtful_ = true;
      *look_again = true;  // and look again, in a new one
      continue;
    }
    keep_corrupt(row.id, claimed[i].at, damage);
    *look_again = true;
  }
  return deliveries;
}

// What is not of the common kind needs more than one row.
bool QueueImpl::may_post(const ReceiveOptions& options, const Look& look) {
  const bool probes =
      look.probe != Probe::kNo && clock_->boot_ms() - last_probe_boot_ms_ >= kProbeEveryMs;
  {
    const std::lock_guard guard(doubtful_mutex_);
    if (!doubtful_claims_.empty()) return false;  // what is perhaps ours already comes first
  }
  return options.max == 1 && !prefetches(options) && options.kind == LeaseKind::kBound &&
         options.from.empty() && options.lease.value_or(Milliseconds{1}).count() > 0 &&
         !look.ahead && !probes && look.done.size() <= 1;
}

RequestBoard::Request QueueImpl::request_of(const ReceiveOptions& options,
                                            std::span<const Receipt> done) const {
  RequestBoard::Request request;
  request.slot = handles_.own_slot();
  request.incarnation = handles_.incarnation();
  request.lease_ms = options.lease.value_or(Milliseconds{0}).count();
  request.token = random_bits() | 1;
  if (done.empty()) return request;
  request.kind = RequestBoard::Kind::kBoth;
  request.next_token = std::exchange(request.token, done.front().token);
  request.id = done.front().id;
  return request;
}

bool QueueImpl::move_due(Session& session) {
  bool any = false;
  std::size_t moved = 0;
  do {
    moved = session.index.move_due(session.now, session.settings, &session.deaths);
    any = any || moved > 0;
  } while (moved >= kMovedPerSlice);
  return any;
}

std::vector<Loaded> QueueImpl::load(const std::vector<Index::Claimed>& claimed) {
  std::vector<SpoolReader::Wanted> wanted;
  wanted.reserve(claimed.size());
  for (const Index::Claimed& one : claimed) wanted.push_back({one.row.id, one.at});
  return reader_.load(wanted);
}

// Under byte 0, so for a moment only.
bool QueueImpl::becomes_durable(const Unsynced& unsynced) {
  const std::int64_t end_ns = monotonic_ns() + kLongestSpinNs;
  while (!is_durable(unsynced)) {
    if (monotonic_ns() >= end_ns) return false;
    ::sched_yield();  // the sender may be waiting for this very processor
  }
  return true;
}

// The record does not verify where the index says it is; is it whole somewhere else in its file?
bool QueueImpl::index_lies_about(const Index::Claimed& claimed) {
  if (claimed.at.kind != names::SpoolKind::kBinary) return false;
  Dir* const shard = dir_.existing_shard(claimed.at.file.shard());
  const std::string file_name = names::spool_file(claimed.at.file, claimed.at.kind);
  const std::unique_ptr<File> file =
      shard != nullptr ? shard->open(file_name, Access::kRead) : nullptr;
  if (!file) return false;
  bool elsewhere = false;
  scan_segment(*file, claimed.at.file, record::kFileHeaderBytes, file->status().size,
               claimed.at.offset + claimed.at.length, [&](ScannedRecord&& record) {
                 elsewhere = elsewhere || record.message.id == claimed.row.id;
               });
  return elsewhere;
}

void QueueImpl::keep_corrupt(const MessageId& id, const Location& at, Damage damage) {
  const std::string reason(damage_text(damage));
  log::error("message is corrupt", {{"queue", name()}, {"id", id.text()}, {"why", reason}});
  try {
    keep_aside(dir_, id.text(), reader_.raw(at, kMostBytesKept),
               reason + " in " + names::spool_file(at.file, at.kind) + " at byte " +
                   std::to_string(at.offset) + "\n");
  } catch (const Error& error) {
    log::warn("corrupt bytes not copied", {{"id", id.text()}, {"why", error.what()}});
  }
  transact(layout::Purpose::kFix, [&](Session& session) {
    std::optional<Row> row = session.index.find(id);
    if (row && row->state == RowState::kLeased) session.index.mark_corrupt(*row, reason);
  });
}

// Durability os: the power took its bytes, as was agreed.
void QueueImpl::drop_lost(const MessageId& id) {
  log::warn("lost with the power, durability os", {{"queue", name()}, {"id", id.text()}});
  transact(layout::Purpose::kFix, [&](Session& session) {
    if (std::optional<Row> row = session.index.find(id); row && row->state < RowState::kAcked) {
      session.index.remove(*row, session.now);
    }
  });
  history_.tell({"lost", id, "durability os"});
}

std::vector<Delivery> QueueImpl::receive(const ReceiveOptions& options,
                                         std::span<const Receipt> done) {
  if (forked_ || closed_) refuse_after_fork();
  refuse_to_observer("receive");
  refuse_in_backup(layout::Purpose::kReceive);
  const std::int64_t started = clock_->boot_ms();
  if (done.size() == 1) {
    std::vector<Delivery> next = ack_and_claim(options, &done);
    if (!next.empty()) return next;
  }
  forget_held(done);
  Waiter waiter(*this);
  Ahead ahead;
  while (true) {
    // Whoever wants one sender's messages may be the wrong one to wake for the next.
    Doorbell::Turn turn = bell_.prepare_to_take();
    const std::uint32_t bell = bell_.prepare();
    if (prefetches(options)) {
      if (std::optional<Delivery> next = take_prefetched()) {
        if (!done.empty()) require_leases(ack_leases(done, Lost::kSkip));
        std::vector<Delivery> deliveries;
        deliveries.push_back(std::move(*next));
        return deliveries;
      }
    }
    const std::int64_t waited = clock_->boot_ms() - started;
    const bool last_look = options.wait && waited >= options.wait->count();
    const bool watching = !last_look && waiter.watch();
    bool paused_now = false;
    // That a damaged message was met and put aside is no reason to answer "nothing there", nor is
    // that somebody else, who acknowledged for us, found no other ready.
    std::vector<Delivery> deliveries;
    bool look_again = false;
    do {
      deliveries = try_receive(options,
                               {probe_of(last_look || watching), std::exchange(ahead, {}), &waiter,
                                std::exchange(done, {})},
                               &paused_now, &look_again);
    } while (deliveries.empty() && look_again);
    if (!deliveries.empty()) return deliveries;
    if (last_look) {
      if (!paused_now) return {};
      const auto pause = paused();
      if (pause && pause->receive) {
        throw Error(ErrorCode::kTryAgain, "receive", name(),
                    "receiving is paused" + (pause->reason.empty() ? "" : ": " + pause->reason));
      }
      return {};
    }
    if (options.cancelled && options.cancelled()) return {};
    waiter.show();
    // Where processes do not hear each other, everyone has to look for himself.
    const bool looks = watching || !bell_.is_shared();
    Milliseconds rest = looks ? until_due() : kLongestRest;
    if (options.wait) rest = std::min(rest, Milliseconds{options.wait->count() - waited});
    const auto sleep = [&](Milliseconds slice) {
      if (options.from.empty()) return bell_.wait_to_take(turn, slice);
      bell_.wait(bell, slice);
      return bell_.prepare() != bell;
    };
    rest_until_rung(sleep, rest, options, waiter);
    if (options.from.empty()) ahead = bell_.announced();
  }
}

std::vector<Delivery> QueueImpl::receive_at_once(const ReceiveOptions& options) {
  Waiter waiter(*this);
  bool paused_now = false;
  bool look_again = false;
  return try_receive(options, {probe_of(waiter.watch()), {}, &waiter, {}}, &paused_now,
                     &look_again);
}

QueueImpl::Probe QueueImpl::probe_of(bool watching) {
  if (watching) return Probe::kYes;
  return nobody_watches() ? Probe::kUnlessDone : Probe::kNo;
}

// Whoever holds the watch may be stopped; then the others look now and then.
bool QueueImpl::nobody_watches() {
  return !bell_.was_probed_within(kProbeAnywayMs, clock_->boot_ms());
}

// At most 250 ms, and no longer than until something becomes due.
Milliseconds QueueImpl::until_due() {
  Milliseconds sleep = kLongestSleep;
  try_transact(layout::Purpose::kLook, Milliseconds{0}, [&](Session& session) {
    if (const auto due = session.index.next_due_in(session.now)) {
      sleep = std::min(sleep, Milliseconds{std::max<std::int64_t>(*due, 1)});
    }
  });
  return sleep;
}

// In slices, after each of which the watch may have become free with its holder's death: one lock
// is tried, nothing is read.
void QueueImpl::rest_until_rung(const std::function<bool(Milliseconds)>& sleep,
                                Milliseconds longest, const ReceiveOptions& options,
                                Waiter& waiter) {
  while (longest.count() > 0) {
    const Milliseconds slice = std::min(longest, kLongestSleep);
    if (sleep(slice)) return;
    longest -= slice;
    if (options.cancelled && options.cancelled()) return;
    if (!waiter.watches() && (waiter.watch() || nobody_watches())) return;
  }
}

}  // namespace spoolmq

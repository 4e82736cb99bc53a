// Acknowledgements ahead of the index (ack_log.h): of one message of several that this handle has
// leased together, or that it takes one after the other with nobody beside it. They cost a sync of
// the handle's own file; the index takes them over with its next transaction, whoever's that is.
//
// Whether the lease still runs is not asked under byte 0. Therefore, once the entry is durable and
// told (acks_durable), the handle looks whether anything may have ended the lease before it was:
// its time, a new index, or another's act, which raises the lease epoch first and takes over what
// is told next. Either that one sees the entry, or this one sees the epoch: reads and writes of
// files take effect one after the other (POSIX.1-2017, 2.9.7).
#include <algorithm>
#include <limits>
#include <utility>

#include "core/log.h"
#include "store/queue_impl.h"

namespace spoolmq {
namespace {

constexpr std::size_t kMostHeld = 65'536;
constexpr std::size_t kTakenOverTogether = 32;

// Of acknowledgements that came in time.
Now whenever(const Now& now) { return {now.wall_ms, std::numeric_limits<std::int64_t>::min()}; }

}  // namespace

// ---- What may be acknowledged early

bool QueueImpl::allows_early_acks(const Settings& settings) const {
  // Others may wait for its place, or are to hear of it with what only the index knows.
  return !options_.one_shot && settings.archive.count() == 0 && settings.capacity == kUnbounded &&
         settings.max_bytes == kUnbounded && settings.history != HistoryLevel::kAll;
}

void QueueImpl::remember_held(std::span<const Delivery> deliveries,
                              std::span<const Index::Claimed> claimed, const HeldUnder& under) {
  const std::lock_guard guard(held_mutex_);
  if (held_.size() > kMostHeld) held_.clear();
  auto next = claimed.begin();
  for (const Delivery& delivery : deliveries) {  // claimed in the same order, but for damaged ones
    next = std::find_if(next, claimed.end(), [&](const Index::Claimed& one) {
      return one.row.id == delivery.receipt().id;
    });
    if (next == claimed.end()) return;
    const Row& row = next->row;
    if (row.order_key.empty() && (row.flags & kRowVerdict) == 0 &&
        next->at.kind == names::SpoolKind::kBinary) {
      held_.insert_or_assign(row.id,
                             Held{row.token, next->at, row.due, row.counters.deliveries, under});
    }
  }
}

void QueueImpl::forget_held(std::span<const Receipt> receipts) {
  const std::lock_guard guard(held_mutex_);
  if (held_.empty()) return;
  for (const Receipt& receipt : receipts) {
    const auto found = held_.find(receipt.id);
    if (found != held_.end() && found->second.token == receipt.token) held_.erase(found);
  }
}

// nullopt: it is for the index, being too late or none of them.
std::optional<QueueImpl::Held> QueueImpl::take_held(const Receipt& receipt) {
  const std::lock_guard guard(held_mutex_);
  const auto found = held_.find(receipt.id);
  if (found == held_.end() || found->second.token != receipt.token) return std::nullopt;
  const Held held = found->second;
  held_.erase(found);
  return clock_->boot_ms() >= held.due ? std::nullopt : std::optional(held);
}

// ---- Acknowledging

// The next messages are claimed by another thread while this one has an acknowledgement synced.
class QueueImpl::ClaimBeside {
 public:
  ClaimBeside(QueueImpl& queue, const ReceiveOptions& options) : queue_(queue), options_(options) {}
  void begin() {
    if (!queue_.options_.background || queue_.has_prefetched()) return;
    is_begun_ = claim_.begin();
  }
  [[nodiscard]] bool is_begun() const { return is_begun_; }
  std::vector<Delivery> take() {
    claim_.finish();
    return std::move(next_);
  }
  // Or else the deliveries do, as of any that nobody finishes.
  void give_back() {
    try {
      claim_.finish();
      std::vector<Receipt> receipts;
      for (const Delivery& one : next_) receipts.push_back(one.receipt());
      if (receipts.empty()) return;
      queue_.return_undelivered(receipts);
      for (Delivery& one : next_) static_cast<void>(one.detach());
    } catch (const std::exception& error) {
      log::info("claimed for nothing", {{"queue", queue_.name()}, {"why", error.what()}});
    }
  }

 private:
  QueueImpl& queue_;
  const ReceiveOptions& options_;
  bool is_begun_ = false;
  std::vector<Delivery> next_;
  Worker::Job claim_{queue_.claimer_, [this] { next_ = queue_.receive_at_once(options_); }};
};

// Leaves in `done` what it does not acknowledge, being the index's.
std::vector<Delivery> QueueImpl::ack_and_claim(const ReceiveOptions& options,
                                               std::span<const Receipt>* done) {
  ClaimBeside claim(*this, options);
  std::optional<LeaseOutcome> outcome = ack_early(done->front(), [&] { claim.begin(); });
  if (!outcome && claim.is_begun()) outcome = ack_leases(*done, Lost::kSkip).front();
  if (!outcome) return {};
  if (*outcome == LeaseOutcome::kLost) claim.give_back();
  require_leases({&*outcome, 1});
  *done = {};
  return claim.take();
}

std::optional<LeaseOutcome> QueueImpl::ack_early(const Receipt& receipt,
                                                 const std::function<void()>& begin) {
  struct InFlight {
    std::atomic<int>& count;
    explicit InFlight(std::atomic<int>& all) : count(all) { ++count; }
    ~InFlight() {
      if (--count == 0) count.notify_all();
    }
  } in_flight(early_acks_in_flight_);
  if (forked_ || closed_) refuse_after_fork();
  const std::optional<Held> held = take_held(receipt);
  if (!held || early_acks_refused_) return std::nullopt;
  if (begin) begin();
  EarlyAck ack{receipt, *held, std::nullopt, false};
  early_acks_.run(ack, 1);
  if (!ack.number) return std::nullopt;
  if (!ack.stands) {
    try {
      if (!is_acked_in_index(ack)) return LeaseOutcome::kLost;
    } catch (const Error& error) {
      throw error.of_unknown_outcome();  // the entry is there
    }
  }
  note_settled(1);
  bell_.ring_for(0);
  return LeaseOutcome::kDone;
}

void QueueImpl::write_early_acks(std::span<EarlyAck* const> acks) {
  if (!has_ack_log() || acks_written_ + acks.size() - acks_synced_ > AckLog::kEntries) return;
  std::vector<AckLog::Entry> entries;
  for (const EarlyAck* one : acks) {
    entries.push_back({one->receipt, one->held.at.file, one->held.at.offset, one->held.deliveries});
  }
  const std::uint64_t first = acks_written_;  // which nobody else changes
  HeldUnder now_under;
  try {
    {
      const std::lock_guard one_at_a_time(ack_log_mutex_);
      early_acks_refused_ = true;  // unless it is durable
      ack_log_.write(first, entries);
      early_acks_refused_ = false;
      const std::lock_guard guard(held_mutex_);
      for (const EarlyAck* one : acks) {
        unindexed_acks_.push_back({one->receipt, one->held.due});
      }
      acks_written_ += acks.size();
    }
    handles_.publish_acks_durable(static_cast<std::uint16_t>(acks_written_));
    now_under = HeldUnder::of(lock_.peek());
  } catch (const Error& error) {
    throw error.of_unknown_outcome();
  }
  const std::int64_t now_ms = clock_->boot_ms();
  for (std::size_t i = 0; i < acks.size(); ++i) {
    acks[i]->number = first + i;
    acks[i]->stands = acks[i]->held.under == now_under && now_ms < acks[i]->held.due;
  }
}

bool QueueImpl::has_ack_log() {
  if (early_acks_refused_) return false;
  if (ack_log_.is_open()) return true;
  try {
    sync_log();  // what a dead one left in it was taken over by a commit
    ack_log_.create(handles_.own_slot());
    return true;
  } catch (const Error& error) {
    early_acks_refused_ = true;
    log::info("no early acknowledgements", {{"queue", name()}, {"why", error.what()}});
    return false;
  }
}

void QueueImpl::wait_for_early_acks() {
  while (const int count = early_acks_in_flight_) early_acks_in_flight_.wait(count);
}

std::uint64_t QueueImpl::acks_taken_over() {
  const std::lock_guard guard(held_mutex_);
  return acks_written_ - unindexed_acks_.size();
}

// The lease may have ended before the entry was durable. If it had, there is no entry on return.
bool QueueImpl::is_acked_in_index(const EarlyAck& ack) {
  bool is_acked = false;
  bool is_gone = false;
  transact(layout::Purpose::kAcknowledge, [&](Session& session) {  // which has taken it over
    is_acked = session.index.find_lease(ack.receipt, session.now).outcome != LeaseOutcome::kLost;
    if (is_acked) return;
    const std::optional<Row> row = session.index.find(ack.receipt.id);
    is_gone = !row;
    // A new index knows no leases, and may have read our entry.
    is_acked = row && session.index.generation() != ack.held.under.generation &&
               (row->state == RowState::kAcked || row->state == RowState::kGone);
    if (!is_acked && !is_gone) wipe_early_ack(*ack.number);
  });
  if (is_gone) {
    throw Error(ErrorCode::kIo, "ack", name(),
                "the outcome is unknown: somebody has acknowledged " + ack.receipt.text());
  }
  return is_acked;
}

// Under byte 0: nobody makes a new index of it meanwhile.
void QueueImpl::wipe_early_ack(std::uint64_t number) {
  const std::lock_guard one_at_a_time(ack_log_mutex_);
  if (acks_written_ > number + AckLog::kEntries) return;  // another stands there
  const bool was_refused = early_acks_refused_.exchange(true);
  ack_log_.wipe(number);
  early_acks_refused_ = was_refused;
}

// ---- Taking over, under byte 0

// A claim has no need of them: no message is ready because they are, as long as none of their
// leases is for the index to end.
bool QueueImpl::may_leave_acks(const Session& session) {
  const std::lock_guard guard(held_mutex_);
  return unindexed_acks_.size() < kTakenOverTogether &&
         std::ranges::all_of(unindexed_acks_,
                             [&](const Unindexed& one) { return one.due > session.now.boot_ms; });
}

void QueueImpl::take_over_acks(Session& session) {
  std::vector<Receipt> receipts;
  std::uint64_t end = 0;
  {
    const std::lock_guard guard(held_mutex_);
    if (unindexed_acks_.empty()) return;
    for (const Unindexed& one : unindexed_acks_) receipts.push_back(one.receipt);
    end = acks_written_;
  }
  take_over(session, receipts);
  session.after_commit.push_back([this, end] {
    const std::lock_guard guard(held_mutex_);
    const std::uint64_t begin = acks_written_ - unindexed_acks_.size();
    if (end <= begin) return;
    unindexed_acks_.erase(unindexed_acks_.begin(),
                          unindexed_acks_.begin() + static_cast<std::ptrdiff_t>(end - begin));
    handles_.write_acks_indexed_of(handles_.own_slot(), static_cast<std::uint16_t>(end));
  });
}

void QueueImpl::take_over_acks_of(Session& session, std::span<const HandleTable::Slot> others) {
  for (const HandleTable::Slot& slot : others) {
    const layout::HandleRecord& record = slot.record;
    if (record.acks_durable == record.acks_indexed) continue;
    if (handles_.owns_slot() && slot.number == handles_.own_slot()) continue;
    std::vector<Receipt> receipts;
    const auto count = static_cast<std::uint16_t>(record.acks_durable - record.acks_indexed);
    for (const AckLog::Entry& one :
         AckLog::read(dir_.dir(), slot.number, record.acks_indexed, count)) {
      receipts.push_back(one.receipt);
    }
    take_over(session, receipts);
    session.after_commit.push_back([this, number = slot.number, count = record.acks_durable] {
      handles_.write_acks_indexed_of(number, count);
    });
  }
}

void QueueImpl::take_over_acks_of_dead(Session& session, std::uint32_t slot) {
  const std::unique_ptr<File> file = dir_.dir().open(names::acks_file(slot), Access::kReadWrite);
  if (!file) return;
  file->sync_data();  // it may have died before it had
  std::vector<Receipt> receipts;
  for (const AckLog::Entry& one : AckLog::read_all(*file)) receipts.push_back(one.receipt);
  take_over(session, receipts);
}

// Those whose leases have run since.
void QueueImpl::take_over(Session& session, std::span<const Receipt> receipts) {
  std::vector<Row> rows;
  for (Index::Found& one : session.index.find_leases(receipts, whenever(session.now))) {
    if (one.row) rows.push_back(std::move(*one.row));
  }
  if (!rows.empty()) acknowledge(session, rows);
}

// Before leases end that this handle, in another thread, or another may be acknowledging early.
void QueueImpl::stop_early_acks(Session& session) {
  session.header.lease_epoch = lock_.raise_lease_epoch();
  take_over_acks(session);
  take_over_acks_of(session, handles_.read(session.header.slots));
}

// Before leases end by other verdicts than acknowledgements.
void QueueImpl::part_with(Session& session, std::span<const Receipt> receipts) {
  const bool concerns_others =
      early_acks_in_flight_ > 0 || std::ranges::any_of(receipts, [&](const Receipt& receipt) {
        const Index::Found found = session.index.find_lease(receipt, session.now);
        return found.row && found.row->holder != 0 && found.row->holder != handles_.incarnation();
      });
  if (concerns_others) {
    stop_early_acks(session);
  } else {
    take_over_acks(session);
  }
}

// ---- After a boot, and for a new index

std::vector<std::string> QueueImpl::ack_files() {
  std::vector<std::string> files;
  dir_.dir().list([&](std::string_view file) {
    if (names::is_acks_file(file)) files.emplace_back(file);
    return true;
  });
  return files;
}

std::vector<AckLog::Entry> QueueImpl::acks_left() {
  std::vector<AckLog::Entry> entries;
  for (const std::string& name : ack_files()) {
    const std::unique_ptr<File> file = dir_.dir().open(name, Access::kRead);
    if (!file) continue;
    const std::vector<AckLog::Entry> some = AckLog::read_all(*file);
    entries.insert(entries.end(), some.begin(), some.end());
  }
  return entries;
}

// The index may have lost the claims that they end; the message itself tells whether it is the one.
void QueueImpl::take_over_acks_left(Session& session, std::span<const AckLog::Entry> entries) {
  for (const AckLog::Entry& entry : entries) {
    std::optional<Row> row = session.index.find(entry.receipt.id);
    if (!row) continue;
    const bool was_on_its_way = row->state == RowState::kReady || row->state == RowState::kLeased ||
                                row->state == RowState::kDelayed;
    const Location at = session.index.location(*row);
    if (!was_on_its_way || at.file != entry.file || at.offset != entry.offset) continue;
    // Of a lease that ended, and was not acknowledged, the index knows; of one that it lost, not.
    // What it still has for leased by another claim may have been given back undelivered, and
    // counts as often as the delivery that the entry speaks of; a later one would count once more.
    const bool is_leased = row->state == RowState::kLeased;
    const bool is_its_lease = is_leased && row->token == entry.receipt.token;
    const std::int64_t known = row->counters.deliveries - (is_leased ? 1 : 0);
    if (!is_its_lease && known >= entry.deliveries) continue;
    row->token = entry.receipt.token;
    session.index.ack(*row, session.now, session.settings.archive.count());
  }
}

void QueueImpl::remove_ack_files() {
  const std::vector<std::string> files = ack_files();
  if (files.empty()) return;
  sync_log_file();
  for (const std::string& file : files) dir_.dir().unlink(file);
}

}  // namespace spoolmq

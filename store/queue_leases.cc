// Verdicts by receipt: acknowledgements and what else ends or prolongs a lease.
#include <algorithm>
#include <unordered_set>
#include <utility>

#include "store/queue_impl.h"

namespace spoolmq {
namespace {

// An act on leased rows that knows of one at a time.
template <typename Act>
auto one_by_one(Act act) {
  return [act = std::move(act)](auto& session, std::span<Row> rows) {
    for (Row& row : rows) act(session, row);
  };
}

}  // namespace

void QueueImpl::act_on_leases(Session& session, std::span<const Receipt> receipts,
                              const LeaseAct& act, Lost lost, LeaseWork& work) {
  work.outcomes.assign(receipts.size(), LeaseOutcome::kLost);
  work.found.clear();
  work.generation = session.index.generation();
  work.changed = false;
  work.tell = session.settings.history == HistoryLevel::kAll;
  std::unordered_set<std::int64_t> seen;
  std::size_t acted = 0;
  const auto act_on_rest = [&] {
    if (acted < work.found.size()) act(session, std::span(work.found).subspan(acted));
    acted = work.found.size();
  };
  std::vector<Index::Found> found = session.index.find_leases(receipts, session.now);
  for (std::size_t i = 0; i < receipts.size(); ++i) {
    Index::Found one = std::move(found[i]);
    if (one.row && !seen.insert(one.row->sequence).second) {
      // The same receipt again: what it finds is what the first one left.
      act_on_rest();
      one = session.index.find_lease(receipts[i], session.now);
    }
    work.outcomes[i] = one.outcome;
    if (lost == Lost::kStop && one.outcome == LeaseOutcome::kLost) {
      session.abandoned = true;
      return;
    }
    if (one.row) work.found.push_back(std::move(*one.row));
  }
  act_on_rest();
  work.changed = !work.found.empty();
}

std::vector<LeaseOutcome> QueueImpl::with_leases(std::span<const Receipt> receipts,
                                                 AfterLease after, Verdict verdict,
                                                 const LeaseAct& act, Lost lost,
                                                 RequestBoard::Post* post) {
  if (forked_ || closed_) refuse_after_fork();
  forget_held(receipts);
  LeaseWork work;
  bool served = false;
  const Act all = [&](Session& session) {
    if (verdict != Verdict::kAck) part_with(session, receipts);
    act_on_leases(session, receipts, act, lost, work);
  };
  if (post == nullptr) {
    transact(layout::Purpose::kAcknowledge, all);
  } else if (!transact_or_post(layout::Purpose::kAcknowledge, all, *post)) {
    served = take_answer(post->answer(), work);
    if (!served) transact(layout::Purpose::kAcknowledge, all);
  }
  return follow_leases(work, after, verdict, served);
}

bool QueueImpl::take_answer(const RequestBoard::Answer& answer, LeaseWork& work) {
  work = {{answer.outcome}, {}, answer.generation, answer.outcome == LeaseOutcome::kDone, false};
  return has_open(answer.generation);
}

std::vector<LeaseOutcome> QueueImpl::follow_leases(LeaseWork& work, AfterLease after,
                                                   Verdict verdict, bool served) {
  // Whoever acknowledged it first may have been killed before his sync.
  const bool repeated =
      std::ranges::find(work.outcomes, LeaseOutcome::kRepeated) != work.outcomes.end();
  if ((work.changed || repeated) && after == AfterLease::kSync) {
    sync_log();
    // Of a sync that another thread tried, and which failed, the kernel tells once.
    if (served && index_doubtful_) {
      throw Error(ErrorCode::kIo, "ack", name(), "the outcome is unknown: the disk refused a sync");
    }
    // The index was rebuilt between commit and sync: what was committed there is not promised.
    if (lock_.peek().generation != work.generation) {
      work.outcomes.assign(work.outcomes.size(), LeaseOutcome::kLost);
      return std::move(work.outcomes);
    }
  }
  if (!work.changed) return std::move(work.outcomes);
  if (work.tell && verdict == Verdict::kAck) {
    for (const Row& row : work.found) tell_history("acked", row);
  }
  if (after == AfterLease::kNothing) {
    bell_.ring();  // it may become due at another time, which concerns whoever watches
  } else {
    // It makes room, and the next message of its order key ready.
    const auto keys =
        std::ranges::count_if(work.found, [](const Row& row) { return !row.order_key.empty(); });
    bell_.ring_for(static_cast<std::size_t>(keys));
  }
  return std::move(work.outcomes);
}

std::vector<LeaseOutcome> QueueImpl::settle_leases(std::span<const Receipt> receipts,
                                                   Verdict verdict, const LeaseAct& act, Lost lost,
                                                   RequestBoard::Post* post) {
  std::vector<LeaseOutcome> outcomes =
      with_leases(receipts, AfterLease::kSync, verdict, act, lost, post);
  note_settled(receipts.size());
  return outcomes;
}

void QueueImpl::note_settled(std::size_t number) {
  settled_since_maintenance_ += number;
  start_background(Work::kCleaning);
}

void QueueImpl::require_leases(std::span<const LeaseOutcome> outcomes) const {
  const auto lost = std::ranges::count(outcomes, LeaseOutcome::kLost);
  if (lost == 0) return;
  throw Error(ErrorCode::kLeaseLost, "ack", name(),
              std::to_string(lost) + " of " + std::to_string(outcomes.size()) +
                  " leases had ended; the others are acknowledged");
}

void QueueImpl::acknowledge(Session& session, std::span<Row> rows) {
  session.index.ack_leased(rows, session.now, session.settings.archive.count());
}

std::vector<LeaseOutcome> QueueImpl::ack(std::span<const Receipt> receipts) {
  if (receipts.size() == 1) {
    if (const std::optional<LeaseOutcome> early = ack_early(receipts.front())) return {*early};
  }
  return ack_leases(receipts, Lost::kSkip);
}

std::vector<LeaseOutcome> QueueImpl::ack_all(std::span<const Receipt> receipts) {
  return ack_leases(receipts, Lost::kStop);
}

std::vector<LeaseOutcome> QueueImpl::ack_leases(std::span<const Receipt> receipts, Lost lost) {
  if (receipts.size() != 1) return settle_leases(receipts, Verdict::kAck, acknowledge, lost);
  if (forked_ || closed_) refuse_after_fork();
  RequestBoard::Post post(
      board_, {RequestBoard::Kind::kAcknowledge, handles_.own_slot(), handles_.incarnation(),
               receipts.front().token, receipts.front().id, 0});
  return settle_leases(receipts, Verdict::kAck, acknowledge, lost, &post);
}

std::vector<LeaseOutcome> QueueImpl::pass_on(std::span<const Receipt> receipts,
                                             const DedupeKeys& keys) {
  const auto pass_on = one_by_one([&keys](Session& session, Row& row) {
    session.index.forget_key(Index::key_of_id(row.id));
    if (const auto known = keys.find(row.id); known != keys.end()) {
      session.index.forget_key_of(row.id, Index::key_of(known->second), session.now);
    }
    session.index.remove(row, session.now);
  });
  return settle_leases(receipts, Verdict::kOther, pass_on);
}

std::vector<LeaseOutcome> QueueImpl::nack(std::span<const Receipt> receipts,
                                          std::string_view reason,
                                          std::optional<Milliseconds> delay) {
  std::optional<std::int64_t> delay_ms;
  if (delay) delay_ms = delay->count();
  const auto nack = one_by_one([&](Session& session, Row& row) {
    session.index.nack(row, session.now, session.settings, reason, delay_ms, &session.deaths);
  });
  return with_leases(receipts, AfterLease::kNothing, Verdict::kOther, nack);
}

std::vector<LeaseOutcome> QueueImpl::release(std::span<const Receipt> receipts) {
  const auto release = one_by_one([](Session& session, Row& row) { session.index.release(row); });
  return with_leases(receipts, AfterLease::kNothing, Verdict::kOther, release);
}

std::vector<LeaseOutcome> QueueImpl::extend(std::span<const Receipt> receipts,
                                            std::optional<Milliseconds> lease) {
  const auto extend = one_by_one([&](Session& session, Row& row) {
    session.index.extend(row, session.now, lease.value_or(session.settings.lease).count());
  });
  return with_leases(receipts, AfterLease::kNothing, Verdict::kOther, extend);
}

std::vector<LeaseOutcome> QueueImpl::reject(std::span<const Receipt> receipts,
                                            std::string_view reason) {
  std::string why = "rejected";
  if (!reason.empty()) why += ": " + std::string(reason);
  const auto reject = one_by_one([&](Session& session, Row& row) {
    session.index.reject(row, why, session.now, session.settings.order_on_dead);
    session.deaths.push_back(row);
  });
  return settle_leases(receipts, Verdict::kOther, reject);
}

}  // namespace spoolmq

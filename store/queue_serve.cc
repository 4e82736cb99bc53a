// What the holder of byte 0 does for those who wait for it (request_board.h), and what becomes of a
// request whose taker was killed.
#include <algorithm>

#include "store/queue_impl.h"

namespace spoolmq {

void QueueImpl::serve(Session& session, std::span<RequestBoard::Batch::Taken> requests) {
  if (!requests.empty()) {
    taken_alone_ = 0;
    take_over_acks(session);
  }
  for (RequestBoard::Batch::Taken& one : requests) {
    // A dead one is reaped under byte 0 too: as long as its record is there, whatever it is given
    // will be found.
    if (one.request.slot >= session.header.slots || one.request.incarnation == 0 ||
        handles_.read_one(one.request.slot).incarnation != one.request.incarnation) {
      continue;
    }
    if (!one.request.acknowledges()) {
      one.answer = claim_for(session, one.request);
      continue;
    }
    one.answer = acknowledge_for(session, one.request);
    if (!one.answer || !one.request.claims() || one.answer->outcome == LeaseOutcome::kLost)
      continue;
    if (std::optional<RequestBoard::Answer> next = claim_for(session, one.request)) {
      next->outcome = one.answer->outcome;
      one.answer = std::move(next);
    }
  }
}

// As a receiver would who has the whole queue in view. With nothing ready he looks for himself.
std::optional<RequestBoard::Answer> QueueImpl::claim_for(Session& session,
                                                         const RequestBoard::Request& request) {
  if ((session.header.flags & layout::kPausedReceive) != 0) return std::nullopt;
  if (!session.up_to_date) {
    harvest(session);
    if (move_due(session)) session.after_commit.push_back([this] { bell_.ring(); });
    session.up_to_date = true;
  }
  LeaseRequest lease;
  lease.holder = request.incarnation;
  lease.length_ms = request.lease_ms != 0 ? request.lease_ms : session.settings.lease.count();
  lease.token = request.claim_token();
  const std::vector<Index::Claimed> claimed = session.index.claim(lease, session.now);
  if (claimed.empty()) return std::nullopt;
  const Row& row = claimed.front().row;
  RequestBoard::Answer answer;
  answer.id = row.id;
  answer.counters = row.counters;
  answer.flags = row.flags;
  answer.at = claimed.front().at;
  return answer;
}

std::optional<RequestBoard::Answer> QueueImpl::acknowledge_for(
    Session& session, const RequestBoard::Request& request) {
  if (session.settings.history == HistoryLevel::kAll) return std::nullopt;  // he tells it himself
  Index::Found found = session.index.find_lease({request.id, request.token}, session.now);
  if (found.row) {
    if (!found.row->order_key.empty()) {
      session.after_commit.push_back([this] { bell_.ring_for(1); });
    }
    session.index.ack_leased({&*found.row, 1}, session.now, session.settings.archive.count());
  }
  RequestBoard::Answer answer;
  answer.outcome = found.outcome;
  return answer;
}

// A message that was claimed for this handle by somebody who could not say so any more.
std::optional<Index::Claimed> QueueImpl::adopt(Session& session) {
  const std::lock_guard guard(doubtful_mutex_);
  while (!doubtful_claims_.empty()) {
    auto claimed =
        session.index.claimed_with(doubtful_claims_.back(), handles_.incarnation(), session.now);
    if (claimed) {
      session.after_commit.push_back([this, token = doubtful_claims_.back()] {
        const std::lock_guard again(doubtful_mutex_);
        std::erase(doubtful_claims_, token);
      });
      return claimed;
    }
    doubtful_claims_.pop_back();
  }
  return std::nullopt;
}

}  // namespace spoolmq

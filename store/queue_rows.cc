// Index rows for what this handle made durable: owed until byte 0 could be had.
#include <algorithm>
#include <utility>

#include "core/log.h"
#include "store/queue_impl.h"

namespace spoolmq {

// Those at or behind `indexed` in their file; further in front somebody else has done it.
void QueueImpl::insert_rows(Session& session, std::vector<Pending> rows, std::uint64_t indexed) {
  // Of a rendezvous the sender settles the reservation, once it knows that the message was taken.
  const bool rendezvous = session.settings.capacity == 0;
  std::vector<Entry> entries;
  entries.reserve(rows.size());
  for (Pending& row : rows) {
    if (row.reserved && !rendezvous) session.index.settle_reservation(row.entry.id);
    if (row.entry.at.offset >= indexed) entries.push_back(std::move(row.entry));
  }
  session.index.insert_all(entries, session.now, session.settings);
}

void QueueImpl::insert_owed(Session& session) {
  if (std::exchange(session.owed_inserted, true)) return;
  std::vector<Pending> rows;
  std::uint64_t begun = 0;
  {
    const std::lock_guard guard(pending_mutex_);
    rows = owed_;
    begun = handles_.own().singles_indexed + rows.size();
  }
  if (rows.empty()) return;
  const std::size_t count = rows.size();
  insert_rows(session, std::move(rows), 0);
  session.after_commit.push_back([this, count, begun] {
    const std::lock_guard guard(pending_mutex_);
    owed_.erase(owed_.begin(), owed_.begin() + static_cast<std::ptrdiff_t>(count));
    handles_.publish_singles_indexed(begun);
    if (std::exchange(owed_late_, false)) hot_cache_.tell_break();
  });
}

void QueueImpl::insert_pending(Session& session) {
  insert_owed(session);
  if (std::exchange(session.pending_inserted, true)) return;
  std::vector<Pending> rows;
  {
    const std::lock_guard guard(pending_mutex_);
    rows.assign(pending_.begin(), pending_.end());
  }
  if (rows.empty()) return;
  const Location first = rows.front().entry.at;
  const std::int64_t file = session.index.file_rowid(first, handles_.incarnation(), false);
  // Someone else may have indexed some of them, from the file.
  const std::uint64_t indexed = session.index.file_by_rowid(file).indexed_end;
  const std::uint64_t end = std::max(indexed, rows.back().group_end);
  insert_rows(session, std::move(rows), indexed);
  if (end > indexed) session.index.set_indexed_end(file, end);
  session.after_commit.push_back([this, segment = first.file, end] {
    forget_pending(segment, end, Forget::kAll);
    handles_.publish_indexed_end(end);
  });
}

void QueueImpl::forget_pending(const MessageId& segment, std::uint64_t indexed_end, Forget which) {
  const std::lock_guard guard(pending_mutex_);
  while (!pending_.empty()) {
    const Pending& first = pending_.front();
    if (first.entry.at.file != segment || first.group_end > indexed_end) return;
    if (first.reserved && which == Forget::kUnreserved) return;
    pending_.pop_front();
  }
}

// A receiver that harvested them has said so in our record, after its commit. Without byte 0.
void QueueImpl::forget_harvested() {
  const layout::HandleRecord record = handles_.read_one(handles_.own_slot());
  forget_pending(record.segment, record.indexed_end, Forget::kUnreserved);
}

bool QueueImpl::index_pending(bool wait) {
  if (!wait && rows_owed() > 0) forget_harvested();
  if (rows_owed() == 0) return true;
  const auto act = [this](Session& session) { insert_pending(session); };
  if (!wait) return try_transact(layout::Purpose::kSend, Milliseconds{0}, act);
  transact(layout::Purpose::kSend, act);
  return true;
}

}  // namespace spoolmq

// Index rows for what this handle made durable: owed until byte 0 could be had.
#include <algorithm>
#include <utility>

#include "core/log.h"
#include "store/queue_impl.h"

namespace spoolmq {

// Of a rendezvous the sender settles the reservation, once it knows that the message was taken.
void QueueImpl::insert_row(Session& session, const Pending& row, RowIs there) {
  if (there == RowIs::kMissing) session.index.insert(row.entry, session.now, session.settings);
  const bool rendezvous = session.settings.capacity == 0;
  if (row.reserved && !rendezvous) session.index.settle_reservation(row.entry.id);
}

void QueueImpl::insert_owed(Session& session) {
  std::vector<Pending> rows;
  std::uint64_t begun = 0;
  {
    const std::lock_guard guard(pending_mutex_);
    rows = owed_;
    begun = handles_.own().singles_indexed + rows.size();
  }
  if (rows.empty()) return;
  for (const Pending& row : rows) insert_row(session, row, RowIs::kMissing);
  session.after_commit.push_back([this, count = rows.size(), begun] {
    const std::lock_guard guard(pending_mutex_);
    owed_.erase(owed_.begin(), owed_.begin() + static_cast<std::ptrdiff_t>(count));
    handles_.publish_singles_indexed(begun);
    if (std::exchange(owed_late_, false)) hot_cache_.tell_break();
  });
}

void QueueImpl::insert_pending(Session& session) {
  insert_owed(session);
  std::vector<Pending> rows;
  {
    const std::lock_guard guard(pending_mutex_);
    rows.assign(pending_.begin(), pending_.end());
  }
  if (rows.empty()) return;
  const Location& first = rows.front().entry.at;
  const std::int64_t file = session.index.file_rowid(first, handles_.incarnation(), false);
  // Someone else may have indexed some of them, from the file.
  const std::uint64_t indexed = session.index.find_file(first.file)->indexed_end;
  for (const Pending& row : rows) {
    insert_row(session, row, row.entry.at.offset >= indexed ? RowIs::kMissing : RowIs::kThere);
  }
  const std::uint64_t end = std::max(indexed, rows.back().group_end);
  session.index.set_indexed_end(file, end);
  session.after_commit.push_back([this, count = rows.size(), end] {
    const std::lock_guard guard(pending_mutex_);
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count));
    handles_.publish_indexed_end(end);
  });
}

bool QueueImpl::index_pending(bool wait) {
  {
    const std::lock_guard guard(pending_mutex_);
    if (pending_.empty() && owed_.empty()) return true;
  }
  const auto act = [this](Session& session) { insert_pending(session); };
  if (!wait) return try_transact(layout::Purpose::kSend, Milliseconds{0}, act);
  transact(layout::Purpose::kSend, act);
  return true;
}

}  // namespace spoolmq

// Sweeping: what somebody does for a queue every 250 ms without being asked. First the cheap
// questions (two small reads, and one lock test per handle that owns something); byte 0 is taken
// only when one of them says that there is something to do, or, in case they miss it, now and then.
#include <algorithm>

#include "store/queue_impl.h"

namespace spoolmq {
namespace {

// A handle that died between its commit and the header has told nobody.
constexpr std::int64_t kLookAnywayMs = 5000;
constexpr Milliseconds kLongestWait{50};
constexpr std::size_t kMovedPerSlice = 1000;
constexpr int kMostSlices = 16;

}  // namespace

void QueueImpl::sweep() {
  if (forked_ || closed_) refuse_after_fork();
  refuse_in_backup(layout::Purpose::kMaintain);
  const std::unique_lock one_thread(sweep_mutex_, std::try_to_lock);
  if (!one_thread.owns_lock()) return;  // another thread is at it
  if (is_removed()) throw Error(ErrorCode::kNotFound, "sweep", name(), "the queue was removed");
  const bool probe = watch_for_sweeps() || nobody_watches();
  if (something_stirs(probe)) sweep_index(probe);
  if (probe) last_probe_boot_ms_ = clock_->boot_ms();
  work_once(&swept_.maintained_boot_ms);
}

// Byte 2 stays ours until close(): receivers that wait meanwhile need not probe.
bool QueueImpl::watch_for_sweeps() {
  if (swept_.watches) return true;
  const std::lock_guard guard(waiters_mutex_);
  swept_.watches = lock_.try_byte(layout::kByteWatch);
  if (swept_.watches) ++watchers_;
  return swept_.watches;
}

void QueueImpl::stop_watching() {
  const std::lock_guard one_thread(sweep_mutex_);
  if (!swept_.watches) return;
  swept_.watches = false;
  const std::lock_guard guard(waiters_mutex_);
  if (--watchers_ == 0) lock_.release_byte(layout::kByteWatch);
}

bool QueueImpl::something_stirs(bool probe) {
  const layout::LockHeader header = lock_.peek();
  if (header.generation != swept_.generation || header.transaction != swept_.transaction ||
      clock_->boot_ms() >= swept_.next_look_boot_ms || rows_owed() > 0) {
    return true;
  }
  for (const HandleTable::Slot& slot : handles_.read(header.slots)) {
    if (slot.number == handles_.own_slot()) continue;
    const layout::HandleRecord& record = slot.record;
    if (record.is_ahead_of_index()) return true;
    if (probe && record.owns_something() && !handles_.is_alive(slot.number)) return true;
  }
  return false;
}

// In slices, so that others get their turn between two of them.
void QueueImpl::sweep_index(bool probe) {
  bool changed = false;
  bool more = true;
  for (int slice = 0; more && slice < kMostSlices; ++slice) {
    const bool looked =
        try_transact(layout::Purpose::kMaintain, kLongestWait, [&](Session& session) {
          Index& index = session.index;
          const std::uint64_t before = index.transaction();
          harvest(session);
          if (probe) probe_slots(session);
          more = index.move_due(session.now, session.settings, &session.deaths) >= kMovedPerSlice;
          note_leftovers(session);
          const std::optional<std::int64_t> archived_ms = index.next_archived_in(session.now);
          const bool maintain_too = (archived_ms && *archived_ms == 0) || !index.unnoted(1).empty();
          const std::int64_t rest_ms =
              std::min({index.next_due_in(session.now).value_or(kLookAnywayMs),
                        archived_ms.value_or(kLookAnywayMs), kLookAnywayMs});
          session.after_commit.push_back([this, &index, &changed, before, maintain_too,
                                          next_look = session.now.boot_ms + rest_ms] {
            changed = changed || index.transaction() != before;
            if (maintain_too) ++settled_since_maintenance_;
            swept_.generation = index.generation();
            swept_.transaction = index.transaction();
            swept_.next_look_boot_ms = next_look;
          });
        });
    if (!looked) break;
  }
  if (changed) bell_.ring();
}

}  // namespace spoolmq

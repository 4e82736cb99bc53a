// What a tail asks the queue when the hot cache does not know.
#include <variant>

#include "store/queue_impl.h"

namespace spoolmq {

QueueImpl::TailPage QueueImpl::tail_page(std::int64_t after_sequence, std::size_t limit) {
  TailPage page;
  look([&](Session& session) {
    page = {session.index.generation(), session.index.last_sequence(), {}};
    ScanOptions options;
    options.after_sequence = after_sequence;
    options.limit = limit;
    for (const Row& row : session.index.page(options)) {
      page.rows.push_back({row.id, row.sequence, session.index.location(row), row.state,
                           row.counters.redrives > 0});
    }
  });
  return page;
}

std::shared_ptr<HotRing> QueueImpl::hot_ring() {
  return hot_cache_.current(static_cast<std::uint64_t>(settings().hot_cache), HotCache::kNoSlot);
}

std::optional<Message> QueueImpl::load_at(const MessageId& id, const Location& at) {
  Loaded loaded = reader_.load(id, at);
  if (auto* const message = std::get_if<Message>(&loaded)) return std::move(*message);
  return std::nullopt;
}

bool QueueImpl::has_stirred(IndexState& since) {
  const layout::LockHeader header = lock_.peek();
  const bool changed =
      header.generation != since.generation || header.transaction != since.transaction;
  since = {header.generation, header.transaction};
  if (changed || rows_owed() > 0) return true;
  for (const HandleTable::Slot& slot : handles_.read(header.slots)) {
    if (slot.record.has_unindexed_messages()) return true;
  }
  return false;
}

}  // namespace spoolmq

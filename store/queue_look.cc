// Looking: no lease is taken and nothing changes but that durable sends get their rows.
#include <algorithm>

#include "core/units.h"
#include "store/large_body.h"
#include "store/pause_file.h"
#include "store/queue_impl.h"

namespace spoolmq {
namespace {

std::string ms_text(std::int64_t ms) {
  ms = std::max<std::int64_t>(ms, 0);
  if (ms >= 10'000) ms = ms / 1000 * 1000;
  return format_duration(Milliseconds{ms});
}

}  // namespace

QueueStats QueueImpl::stats() {
  QueueStats stats;
  look([&](Session& session) {
    stats = {};
    Index& index = session.index;
    for (const RowState state :
         {RowState::kReady, RowState::kBehind, RowState::kDelayed, RowState::kLeased,
          RowState::kHeld, RowState::kDead, RowState::kCorrupt, RowState::kArchived}) {
      StateCount& count = stats.states[static_cast<std::size_t>(public_state(state))];
      count.messages += index.count(state).messages;
      count.bytes += index.count(state).bytes;
    }
    stats.reserved = index.reserved();
    stats.oldest_ready_sent_ms = index.oldest_ready_ms();
    stats.generation = index.generation();
    stats.segments = index.segment_count();
    stats.totals = index.totals();
    // And what this handle has not told yet.
    const SyncMeter::Reading untold = sync_meter_.read();
    stats.totals.syncs += untold.syncs;
    stats.totals.sync_us += untold.total_us;
    stats.totals.longest_sync_us = std::max(stats.totals.longest_sync_us, untold.longest_us);
  });
  const std::string index_name = names::index_file(stats.generation);
  if (const auto status = dir_.dir().status(index_name)) stats.index_bytes = status->size;
  if (const auto status = dir_.dir().status(index_name + "-wal")) stats.log_bytes = status->size;
  return stats;
}

MessageStatus QueueImpl::describe(Session& session, const Row& row) {
  MessageStatus status;
  status.id = row.id;
  status.state = public_state(row.state);
  status.behind_key = row.state == RowState::kBehind;
  status.sequence = row.sequence;
  status.priority = row.priority;
  status.sent_at_ms = row.sent_at_ms;
  const bool timed = row.state == RowState::kDelayed || row.state == RowState::kArchived;
  status.due_ms = timed ? row.due : 0;
  status.expires_at_ms = row.expires_at_ms;
  status.size = row.size;
  status.counters = row.counters;
  status.reason = row.reason;
  status.from = row.from;
  status.order_key = row.order_key;
  status.os_durability = (row.flags & kRowOsDurability) != 0;
  if (row.state == RowState::kLeased) {
    status.bound = row.holder != 0;
    status.lease_left_ms = std::max<std::int64_t>(row.due - session.now.boot_ms, 0);
    for (const HandleTable::Slot& slot : handles_.read(status.bound ? session.header.slots : 0)) {
      if (slot.record.incarnation == row.holder) status.holder_pid = slot.record.pid;
    }
  }
  const Location at = session.index.location(row);
  status.file = std::string(names::kMessages) + "/" + names::shard_directory(at.file.shard()) +
                "/" + names::spool_file(at.file, at.kind);
  status.offset = at.offset;
  status.length = at.length;
  return status;
}

std::vector<MessageStatus> QueueImpl::scan(const ScanOptions& options) {
  std::vector<MessageStatus> page;
  look([&](Session& session) {
    page.clear();
    for (const Row& row : session.index.page(options)) page.push_back(describe(session, row));
  });
  return page;
}

std::vector<MessageStatus> QueueImpl::next_ready(std::size_t limit) {
  std::vector<MessageStatus> next;
  look([&](Session& session) {
    next.clear();
    for (const Row& row : session.index.next_ready(limit)) next.push_back(describe(session, row));
  });
  return next;
}

std::optional<MessageStatus> QueueImpl::status(const MessageId& id) {
  std::optional<MessageStatus> status;
  look([&](Session& session) {
    status.reset();
    const std::optional<Row> row = session.index.find(id);
    if (row && row->state < RowState::kAcked) status = describe(session, *row);
  });
  return status;
}

std::vector<MessageId> QueueImpl::find_by_tail(std::string_view tail) {
  std::vector<MessageId> found;
  look([&](Session& session) { found = session.index.find_by_tail(tail); });
  return found;
}

std::optional<Location> QueueImpl::locate(const MessageId& id) {
  std::optional<Location> at;
  look([&](Session& session) {
    at.reset();
    const std::optional<Row> row = session.index.find(id);
    if (row && row->state < RowState::kAcked) at = session.index.location(*row);
  });
  return at;
}

std::optional<Message> QueueImpl::load(const MessageId& id) {
  const std::optional<Location> at = locate(id);
  if (!at) return std::nullopt;
  Loaded loaded = reader_.load(id, *at);
  if (auto* const message = std::get_if<Message>(&loaded)) return std::move(*message);
  // It may have been acknowledged and removed meanwhile.
  if (!locate(id)) return std::nullopt;
  const bool missing = std::get<Damage>(loaded) == Damage::kMissing;
  throw Error(ErrorCode::kBadData, "read", id.text(),
              missing ? "its bytes are missing" : "its bytes do not verify");
}

std::unique_ptr<BodyReader> QueueImpl::open_body(const Message& message) {
  if (!message.large_body) return read_inline_body(message.body);
  const std::optional<Location> at = locate(message.id);
  if (!at) throw Error(ErrorCode::kNotFound, "open the body", message.id.text(), "it is gone");
  return reader_.open_body(at->file, *message.large_body);
}

std::vector<Consumer> QueueImpl::consumers() {
  std::vector<Consumer> consumers;
  look([&](Session& session) {
    consumers.clear();
    const auto leases = session.index.leases_by_holder();
    for (const HandleTable::Slot& slot : handles_.read(session.header.slots)) {
      const layout::HandleRecord& record = slot.record;
      Consumer one;
      one.slot = slot.number;
      one.pid = record.pid;
      one.uid = record.uid;
      one.host = record.host;
      one.name = record.name;
      one.alive = handles_.is_alive(slot.number);
      one.observer = (record.flags & layout::kObserver) != 0;
      one.waiting = (record.flags & layout::kWaiting) != 0;
      one.opened_at_ms = record.opened_at_ms;
      one.unindexed_bytes =
          record.durable_end > record.indexed_end ? record.durable_end - record.indexed_end : 0;
      for (const auto& [holder, count] : leases) {
        if (holder == record.incarnation) one.leases = count;
      }
      consumers.push_back(std::move(one));
    }
  });
  return consumers;
}

std::vector<std::string> QueueImpl::why(const MessageId& id) {
  std::vector<std::string> reasons;
  const std::optional<Pause> pause = paused();
  if (pause && pause->receive) {
    reasons.push_back("receiving is paused by " + pause->by +
                      (pause->reason.empty() ? "" : ": " + pause->reason));
  }
  look([&](Session& session) {
    reasons.resize(pause && pause->receive ? 1 : 0);
    if (id.is_nil()) {
      why_queue(session, reasons);
      return;
    }
    const std::optional<Row> row = session.index.find(id);
    if (!row || row->state >= RowState::kAcked) {
      throw Error(ErrorCode::kNotFound, "why", id.text(), "no such message");
    }
    why_message(session, *row, reasons);
  });
  return reasons;
}

void QueueImpl::why_queue(Session& session, std::vector<std::string>& reasons) {
  Index& index = session.index;
  const auto count = [&](RowState state) { return index.count(state).messages; };
  if (count(RowState::kReady) > 0) {
    bool consumer = false;
    for (const HandleTable::Slot& slot : handles_.read(session.header.slots)) {
      consumer = consumer ||
                 ((slot.record.flags & layout::kOwnsLeases) != 0 && handles_.is_alive(slot.number));
    }
    if (!consumer) {
      reasons.push_back(std::to_string(count(RowState::kReady)) +
                        " ready, but no living consumer has the queue open");
    }
    return;
  }
  const auto say = [&](RowState state, const std::string& what) {
    if (count(state) > 0) reasons.push_back(std::to_string(count(state)) + " " + what);
  };
  const std::int64_t over = index.leases_over(session.now);
  if (over > 0) {
    reasons.push_back(std::to_string(over) + " leased, but no longer: the next receive has them");
  }
  if (const std::int64_t running = count(RowState::kLeased) - over; running > 0) {
    reasons.push_back(std::to_string(running) + " leased: being worked on");
  }
  say(RowState::kBehind, "behind an earlier message of their order key");
  if (count(RowState::kDelayed) > 0) {
    const auto next = index.next_delayed_in(session.now);
    reasons.push_back(std::to_string(count(RowState::kDelayed)) + " delayed, the next is due in " +
                      ms_text(next.value_or(0)));
  }
  say(RowState::kHeld, "held: unhold to let them go");
  say(RowState::kDead, "dead: requeue to try again");
  say(RowState::kCorrupt, "corrupt: see corrupt/");
}

void QueueImpl::why_message(Session& session, const Row& row, std::vector<std::string>& reasons) {
  const std::string because = row.reason.empty() ? "" : ": " + row.reason;
  switch (row.state) {
    case RowState::kReady:
      return;  // it moves, unless the queue is paused
    case RowState::kLeased: {
      const MessageStatus status = describe(session, row);
      if (status.lease_left_ms == 0) {
        reasons.push_back("its lease is over: the next receive has it");
        return;
      }
      reasons.push_back("leased for another " + ms_text(status.lease_left_ms) +
                        (status.bound ? " to process " + std::to_string(status.holder_pid)
                                      : " to whoever has the receipt"));
      return;
    }
    case RowState::kDelayed:
      reasons.push_back("delayed for another " + ms_text(row.due - session.now.wall_ms) + because);
      return;
    case RowState::kBehind: {
      const std::optional<Row> first = session.index.first_live_of_key(row.order_key);
      if (first && first->id != row.id) {
        reasons.push_back("behind " + first->id.text() + " of the same order key, which is " +
                          std::string(state_name(public_state(first->state))));
      } else {
        reasons.push_back("a dead message stops its order key (order-on-dead = stop)");
      }
      return;
    }
    case RowState::kHeld:
      reasons.push_back("held" + because);
      return;
    case RowState::kDead:
      reasons.push_back("dead" + because);
      return;
    case RowState::kCorrupt:
      reasons.push_back("corrupt" + because);
      return;
    case RowState::kArchived:
      reasons.push_back("archived: acknowledged, kept for another " +
                        ms_text(row.due - session.now.wall_ms));
      return;
    case RowState::kAcked:
    case RowState::kGone:
      return;
  }
}

std::vector<std::string> QueueImpl::trace(const MessageId& id) { return history_.of(id); }

std::optional<Pause> QueueImpl::paused() {
  const auto text = read_file(dir_.dir(), names::kPause, kLongestPauseFile);
  if (!text) return std::nullopt;
  std::optional<Pause> pause = parse_pause(*text);
  if (!pause) return unreadable_pause();
  if (pause->until_ms != 0 && pause->until_ms <= clock_->wall_ms()) pause.reset();
  return pause;
}

}  // namespace spoolmq

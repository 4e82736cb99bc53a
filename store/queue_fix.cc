// Fixing: what operators do. Durable on return, and told to the history.
#include <pwd.h>
#include <unistd.h>

#include "store/pause_file.h"
#include "store/queue_impl.h"

namespace spoolmq {
namespace {

std::string user_name() {
  const passwd* const user = ::getpwuid(::getuid());
  return user != nullptr ? user->pw_name : std::to_string(::getuid());
}

}  // namespace

FixResult QueueImpl::fix(std::span<const MessageId> ids, std::string_view act,
                         const std::function<bool(Session&, Row&)>& change) {
  if (forked_ || closed_) refuse_after_fork();
  FixResult result;
  std::vector<Row> told;
  transact(layout::Purpose::kFix, [&](Session& session) {
    result = {};
    told.clear();
    if (act == "revoke") stop_early_acks(session);
    harvest(session);
    for (const MessageId& id : ids) {
      std::optional<Row> row = session.index.find(id);
      if (!row || row->state >= RowState::kAcked) {
        result.missing.push_back(id);
      } else if (row->state == RowState::kLeased && act != "revoke") {
        ++result.skipped_leased;
      } else if (!change(session, *row)) {
        ++result.skipped_other;
      } else {
        result.changed.push_back(id);
        told.push_back(std::move(*row));
      }
    }
  });
  if (result.changed.empty()) return result;
  sync_log();
  for (const Row& row : told) tell_history(act, row);
  bell_.ring();
  settled_since_maintenance_ += result.changed.size();
  start_background();
  return result;
}

FixResult QueueImpl::requeue(std::span<const MessageId> ids, bool reset_redrives) {
  return fix(ids, "requeue", [&](Session& session, Row& row) {
    if (row.state != RowState::kDead && row.state != RowState::kArchived) return false;
    if (!reset_redrives && row.counters.redrives >= session.settings.max_redrives) {
      row.reason = "redrive_limit";
      session.index.kill(row, row.reason, session.now, session.settings.order_on_dead);
      return false;
    }
    session.index.requeue(row, reset_redrives);
    return true;
  });
}

FixResult QueueImpl::hold(std::span<const MessageId> ids, std::string_view reason) {
  return fix(ids, "hold", [&](Session& session, Row& row) {
    if (row.state == RowState::kHeld) return false;
    session.index.hold(row, reason, session.now);
    return true;
  });
}

FixResult QueueImpl::unhold(std::span<const MessageId> ids) {
  return fix(ids, "unhold", [](Session& session, Row& row) {
    if (row.state != RowState::kHeld) return false;
    session.index.unhold(row, session.now, session.settings);
    return true;
  });
}

FixResult QueueImpl::revoke(std::span<const MessageId> ids) {
  return fix(ids, "revoke", [](Session& session, Row& row) {
    if (row.state != RowState::kLeased) return false;
    session.index.revoke(row);
    return true;
  });
}

FixResult QueueImpl::remove(std::span<const MessageId> ids) {
  FixResult result = fix(ids, "delete", [](Session& session, Row& row) {
    session.index.remove(row, session.now);
    return true;
  });
  // Their bytes are not to be found in memory any more, either.
  if (!result.changed.empty()) hot_cache_.retire();
  return result;
}

// Leases them to this process, so that nobody else takes, changes or deletes them meanwhile.
QueueImpl::Taken QueueImpl::take_for_move(std::span<const MessageId> ids) {
  Taken taken;
  handles_.set_flag(layout::kOwnsLeases);
  transact(layout::Purpose::kFix, [&](Session& session) {
    taken = {};
    harvest(session);
    for (const MessageId& id : ids) {
      std::optional<Row> row = session.index.find(id);
      if (!row || row->state >= RowState::kAcked) {
        taken.result.missing.push_back(id);
      } else if (row->state == RowState::kLeased) {
        ++taken.result.skipped_leased;
      } else if (row->state == RowState::kCorrupt) {
        ++taken.result.skipped_other;
      } else {
        taken.before.push_back(*row);
        const std::uint64_t token = session.index.take(*row, handles_.incarnation(), session.now);
        taken.receipts.push_back({id, token});
        taken.result.changed.push_back(id);
      }
    }
  });
  return taken;
}

bool QueueImpl::is_key_of_another(const KeyOf& one) {
  bool is = false;
  transact(layout::Purpose::kFix, [&](Session& session) {
    const auto known = session.index.known_key(Index::key_of(one.key), session.now);
    is = known && *known != one.id;
  });
  return is;
}

void QueueImpl::give_back(const Taken& taken) {
  transact(layout::Purpose::kFix, [&](Session& session) {
    for (std::size_t i = 0; i < taken.before.size(); ++i) {
      const Index::Found found = session.index.find_lease(taken.receipts[i], session.now);
      if (found.row) session.index.put_back(taken.before[i]);
    }
  });
  bell_.ring();
}

void QueueImpl::finish_move(const Taken& taken, std::span<const KeyOf> dedupe_keys) {
  transact(layout::Purpose::kFix, [&](Session& session) {
    // They may come back.
    for (const Receipt& receipt : taken.receipts) {
      session.index.forget_key(Index::key_of_id(receipt.id));
    }
    for (const KeyOf& one : dedupe_keys) {
      session.index.forget_key_of(one.id, Index::key_of(one.key), session.now);
    }
    for (const Receipt& receipt : taken.receipts) {
      std::optional<Row> row = session.index.find_lease(receipt, session.now).row;
      if (!row) {
        // An index made anew knows no leases, and has the message in the state it was in.
        row = session.index.find(receipt.id);
        if (!row || row->state >= RowState::kCorrupt || row->state == RowState::kLeased) continue;
      }
      session.index.remove(*row, session.now);
    }
  });
  sync_log();
  hot_cache_.retire();  // their bytes are another queue's now
  settled_since_maintenance_ += taken.receipts.size();
  start_background();
  bell_.ring();
}

void QueueImpl::told(std::string_view act, std::span<const MessageId> ids, std::string_view where) {
  for (const MessageId& id : ids) history_.tell({act, id, where});
}

void QueueImpl::pause(const Pause& pause) {
  Pause stated = pause;
  if (stated.by.empty()) stated.by = user_name();
  const std::string text = format_pause(stated, clock_->wall_ms());
  WriterLock::Hold hold = take_lock(layout::Purpose::kFix);
  replace_file(dir_.dir(), names::kPause, text, dir_.mode());
  if (auto file = dir_.dir().open(names::kPause, Access::kReadWrite)) dir_.own(*file);
  layout::LockHeader header = hold.header();
  header.flags =
      (pause.receive ? layout::kPausedReceive : 0) | (pause.send ? layout::kPausedSend : 0);
  hold.write_header(header);
  history_.tell({"pause", {}, pause.reason});
}

void QueueImpl::resume() {
  WriterLock::Hold hold = take_lock(layout::Purpose::kFix);
  if (dir_.dir().unlink(names::kPause)) dir_.dir().sync();
  layout::LockHeader header = hold.header();
  header.flags = 0;
  hold.write_header(header);
  history_.tell({"resume", {}, {}});
  bell_.ring();
}

void QueueImpl::configure(std::span<const SettingText> changes) {
  WriterLock::Hold hold = take_lock(layout::Purpose::kFix);
  const Settings before = *refresh_settings(hold.header());
  Settings changed = before;
  for (const auto& [key, value] : changes) {
    if (key == "mode" || key == "group") {
      throw Error(ErrorCode::kUsage, "config", name(),
                  key + " belongs to the files that are there and cannot be changed here");
    }
    set_setting(changed, key, value);
  }
  replace_file(dir_.dir(), names::kSettings, format_settings(changed), dir_.mode());
  if (auto file = dir_.dir().open(names::kSettings, Access::kReadWrite)) dir_.own(*file);
  layout::LockHeader header = hold.header();
  ++header.settings_version;
  hold.write_header(header);
  refresh_settings(header);
  if (changed.hot_cache != before.hot_cache) hot_cache_.retire();
  if (changed.order_on_dead == OrderOnDead::kContinue) {
    transact_held(hold, [](Session& session) { session.index.promote_stopped_keys(); });
  }
  bell_.ring();
}

}  // namespace spoolmq

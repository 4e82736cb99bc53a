// The index's part in sending: rows, files, reservations, keys.
#include <algorithm>

#include "store/index.h"
#include "store/index_statements.h"

namespace spoolmq {

Entry Entry::of(const Message& message, const Location& at, Durability durability) {
  Entry entry;
  entry.id = message.id;
  entry.at = at;
  entry.flags = (durability == Durability::kOs ? kRowOsDurability : 0U) |
                (message.large_body ? kRowLargeBody : 0U) |
                (at.kind == names::SpoolKind::kXml ? kRowXml : 0U);
  entry.priority = message.priority;
  entry.sent_at_ms = message.sent_at_ms;
  entry.not_before_ms = message.not_before_ms;
  entry.expires_at_ms = message.expires_at_ms;
  entry.size = message.body_size();
  entry.order_key = message.order_key;
  entry.dedupe_key = message.dedupe_key;
  entry.from = message.from;
  return entry;
}

Entry Entry::of_corrupt(const MessageId& id, const Location& at) {
  Entry entry;
  entry.id = id;
  entry.at = at;
  entry.flags = at.kind == names::SpoolKind::kXml ? kRowXml : 0U;
  entry.sent_at_ms = id.time_ms();
  return entry;
}

bool Index::insert(const Entry& entry, const Now& now, const Settings& settings) {
  // A file that has its only message's name needs no row of its own.
  const std::int64_t file = entry.at.file == entry.id ? 0 : file_rowid(entry.at, 0, true);
  RowState state = RowState::kReady;
  // A delay cannot be longer than it was when it was asked for, whatever the clock did since.
  if (entry.not_before_ms > now.wall_ms) {
    state = RowState::kDelayed;
  } else if (!entry.order_key.empty()) {
    Stmt& live = sql_->key_has_live;
    const StmtScope scope(live);
    if (live.bind(1, entry.order_key).step()) state = RowState::kBehind;
  }
  if (state == RowState::kReady && !entry.order_key.empty() &&
      settings.order_on_dead == OrderOnDead::kStop && key_stopped_by_dead(entry.order_key)) {
    state = RowState::kBehind;
  }
  sql_->insert.bind(1, next_sequence_)
      .bind(2, entry.id)
      .bind(3, static_cast<std::int64_t>(state))
      .bind(4, static_cast<std::int64_t>(entry.priority))
      .bind(5, file)
      .bind_u64(6, entry.at.offset)
      .bind_u64(7, entry.at.length)
      .bind_u64(8, entry.size)
      .bind(9, entry.sent_at_ms)
      .bind(10, state == RowState::kDelayed ? entry.not_before_ms : 0)
      .bind_or_null(11, entry.expires_at_ms)
      .bind_text_or_null(12, entry.order_key)
      .bind_text_or_null(13, entry.from.name)
      .bind(14, std::int64_t{entry.from.uid})
      .bind(15, std::int64_t{entry.from.pid})
      .bind(16, std::int64_t{entry.flags})
      .bind_or_null(17, state == RowState::kDelayed ? entry.not_before_ms - entry.sent_at_ms : 0)
      .run();
  if (db_.changes() == 0) return false;
  ++next_sequence_;
  ++totals_.sent;
  change_count(state, 1, entry.size);
  add_live(file, 1);
  if (!entry.dedupe_key.empty()) {
    const std::int64_t until = entry.sent_at_ms + settings.dedupe_window.count();
    if (until > now.wall_ms) {
      sql_->key_put.bind(1, "k:" + entry.dedupe_key).bind(2, entry.id).bind(3, until).run();
    }
  }
  return true;
}

void Index::insert_corrupt(const MessageId& id, const Location& at, const Now& now,
                           const Settings& settings) {
  if (!insert(Entry::of_corrupt(id, at), now, settings)) return;
  if (std::optional<Row> row = find(id)) mark_corrupt(*row, "checksum");
}

std::int64_t Index::file_rowid(const Location& at, std::uint64_t owner, bool sealed) {
  if (const auto known = file_ids_.find(at.file); known != file_ids_.end()) return known->second;
  std::optional<FileRow> row = find_file(at.file);
  if (!row) {
    sql_->file_insert.bind(1, at.file)
        .bind(2, static_cast<std::int64_t>(at.kind))
        .bind(3, sealed ? 1 : 0)
        .bind_u64(4, owner)
        .run();
    row = FileRow{db_.last_rowid(), at.file, at.kind, 0, 0, sealed, owner};
  }
  file_ids_[at.file] = row->rowid;
  files_[row->rowid] = *row;
  return row->rowid;
}

FileRow Index::read_file_row(const Stmt& statement) {
  FileRow row;
  row.rowid = statement.integer(0);
  row.file = statement.id(1);
  const std::int64_t kind = statement.integer(2);
  if (kind < 0 || kind > static_cast<std::int64_t>(names::SpoolKind::kBody)) {
    throw SqliteError(SQLITE_CORRUPT, "use the index", row.file.text(), "no such kind of file");
  }
  row.kind = static_cast<names::SpoolKind>(kind);
  row.indexed_end = statement.u64(3);
  row.live = statement.integer(4);
  row.sealed = statement.integer(5) != 0;
  row.owner = statement.u64(6);
  return row;
}

std::optional<FileRow> Index::find_file(const MessageId& file) {
  Stmt& find = sql_->file_by_name;
  const StmtScope scope(find);
  if (!find.bind(1, file).step()) return std::nullopt;
  return read_file_row(find);
}

FileRow Index::file_by_rowid(std::int64_t rowid) {
  if (const auto known = files_.find(rowid); known != files_.end()) return known->second;
  Stmt& find = sql_->file_by_id;
  const StmtScope scope(find);
  if (!find.bind(1, rowid).step()) {
    throw SqliteError(SQLITE_CORRUPT, "use the index", dir_->path(),
                      "a message names a file that is not there");
  }
  return files_[rowid] = read_file_row(find);
}

void Index::set_indexed_end(std::int64_t file, std::uint64_t end) {
  sql_->file_end.bind(1, file).bind_u64(2, end).run();
  files_.erase(file);
}

void Index::seal(std::int64_t file) {
  sql_->file_seal.bind(1, file).run();
  files_.erase(file);
}

std::optional<MessageId> Index::known_key(std::string_view key, const Now& now) {
  Stmt& find = sql_->key_find;
  const StmtScope scope(find);
  if (!find.bind(1, key).step() || find.integer(1) <= now.wall_ms) return std::nullopt;
  return find.id(0);
}

void Index::reserve(const Reservation& reservation) {
  sql_->reserve.bind(1, reservation.id)
      .bind_u64(2, reservation.holder)
      .bind_u64(3, reservation.bytes)
      .bind_text_or_null(4, reservation.dedupe_key)
      .bind(5, reservation.counts ? 1 : 0)
      .bind(6, reservation.rendezvous ? 1 : 0)
      .run();
  if (!reservation.dedupe_key.empty()) {
    sql_->key_put.bind(1, reservation.dedupe_key)
        .bind(2, reservation.id)
        .bind(3, reservation.key_until_ms)
        .run();
  }
  if (reservation.counts) {
    reserved_.messages += 1;
    reserved_.bytes += static_cast<std::int64_t>(reservation.bytes);
  }
}

namespace {
Index::Reservation read_reservation(const Stmt& row) {
  Index::Reservation reservation;
  reservation.id = row.id(0);
  reservation.holder = row.u64(1);
  reservation.bytes = row.u64(2);
  reservation.dedupe_key = row.text(3);
  reservation.counts = row.integer(4) != 0;
  reservation.rendezvous = row.integer(5) != 0;
  return reservation;
}
}  // namespace

void Index::settle_reservation(const MessageId& id) {
  std::optional<Reservation> found;
  {
    Stmt& find = sql_->reservation;
    const StmtScope scope(find);
    if (!find.bind(1, id).step()) return;
    found = read_reservation(find);
  }
  if (found->counts) {
    reserved_.messages -= 1;
    reserved_.bytes -= static_cast<std::int64_t>(found->bytes);
  }
  sql_->unreserve.bind(1, id).run();
}

void Index::return_reservation(const MessageId& id) {
  std::string key;
  {
    Stmt& find = sql_->reservation;
    const StmtScope scope(find);
    if (!find.bind(1, id).step()) return;
    key = find.text(3);
  }
  settle_reservation(id);
  if (key.empty()) return;
  forget_key(key);
  if (key.starts_with("k:")) forget_key("i:" + id.text());
}

bool Index::is_reserved(const MessageId& id) {
  Stmt& find = sql_->reservation;
  const StmtScope scope(find);
  return find.bind(1, id).step();
}

std::vector<Index::Reservation> Index::reservations_of(std::uint64_t holder) {
  Stmt& rows = sql_->reservations_of;
  const StmtScope scope(rows);
  rows.bind_u64(1, holder);
  std::vector<Reservation> found;
  while (rows.step()) found.push_back(read_reservation(rows));
  return found;
}

bool Index::has_room(std::uint64_t messages, std::uint64_t bytes, const Settings& settings) const {
  StateCount live = reserved_;
  for (int state = 1; state <= static_cast<int>(RowState::kHeld); ++state) {
    live.messages += counts_[state].messages;
    live.bytes += counts_[state].bytes;
  }
  if (settings.capacity > 0 &&
      live.messages + static_cast<std::int64_t>(messages) > settings.capacity) {
    return false;
  }
  return settings.max_bytes == kUnbounded ||
         live.bytes + static_cast<std::int64_t>(bytes) <= settings.max_bytes;
}

bool Index::withdraw(const MessageId& id, const Now& now) {
  std::optional<Row> row = find(id);
  if (!row || row->counters.deliveries > 0) return false;
  if (row->state != RowState::kReady && row->state != RowState::kBehind &&
      row->state != RowState::kDelayed) {
    return false;
  }
  remove(*row, now);
  return true;
}

void Index::remember_id(const MessageId& id, std::int64_t until_ms) {
  const std::string key = "i:" + id.text();
  sql_->key_put.bind(1, key).bind(2, id).bind(3, until_ms).run();
}

void Index::forget_key(std::string_view key) { sql_->key_drop.bind(1, key).run(); }

void Index::forget_key_of(const MessageId& id, std::string_view key, const Now& now) {
  if (known_key(key, now) == id) forget_key(key);
}

void Index::drop_old_keys(const Now& now) { sql_->keys_old.bind(1, now.wall_ms).run(); }

}  // namespace spoolmq

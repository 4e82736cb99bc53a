// The index's part in sending: rows, files, reservations, keys.
#include <algorithm>
#include <utility>

#include "core/id_source.h"
#include "store/index.h"
#include "store/index_statements.h"
#include "store/leased_rows.h"

namespace spoolmq {
namespace {

constexpr std::string_view kOfId = "i:";  // before its 16 bytes
constexpr std::string_view kOfSender = "k:";

bool is_key_of_id(std::string_view key) { return key.starts_with(kOfId); }

}  // namespace

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

// Without the texts, which stay in the entry.
Row Index::new_row(const Entry& entry, const Now& now, const Settings& settings) {
  Row row;
  row.sequence = next_sequence_;
  row.id = entry.id;
  row.priority = entry.priority;
  // A file that has its only message's name needs no row of its own.
  row.file = entry.at.file == entry.id ? 0 : file_rowid(entry.at, 0, true);
  row.offset = entry.at.offset;
  row.length = entry.at.length;
  row.size = entry.size;
  row.sent_at_ms = entry.sent_at_ms;
  row.expires_at_ms = entry.expires_at_ms;
  row.flags = entry.flags;
  // A delay cannot be longer than it was when it was asked for, whatever the clock did since.
  if (entry.not_before_ms > now.wall_ms) {
    row.state = RowState::kDelayed;
    row.due = entry.not_before_ms;
    row.lease_length_ms = entry.not_before_ms - entry.sent_at_ms;
  } else if (!entry.order_key.empty()) {
    Stmt& live = sql_->key_has_live;
    const StmtScope scope(live);
    if (live.bind(1, entry.order_key).step()) row.state = RowState::kBehind;
  }
  if (row.state == RowState::kReady && !entry.order_key.empty() &&
      settings.order_on_dead == OrderOnDead::kStop && key_stopped_by_dead(entry.order_key)) {
    row.state = RowState::kBehind;
  }
  return row;
}

// The texts are the entry's. `before`: how many parameters are other rows'.
void Index::bind_row(Stmt& insert, int before, const Row& row, const Entry& entry) {
  insert.bind(before + 1, row.sequence)
      .bind(before + 2, row.id)
      .bind(before + 3, static_cast<std::int64_t>(row.state))
      .bind(before + 4, static_cast<std::int64_t>(row.priority))
      .bind(before + 5, row.file)
      .bind_u64(before + 6, row.offset)
      .bind_u64(before + 7, row.length)
      .bind_u64(before + 8, row.size)
      .bind(before + 9, row.sent_at_ms)
      .bind(before + 10, row.due)
      .bind_or_null(before + 11, row.expires_at_ms)
      .bind_text_or_null(before + 12, entry.order_key)
      .bind_text_or_null(before + 13, entry.from.name)
      .bind(before + 14, std::int64_t{entry.from.uid})
      .bind(before + 15, std::int64_t{entry.from.pid})
      .bind(before + 16, std::int64_t{row.flags})
      .bind_or_null(before + 17, row.lease_length_ms)
      .bind(before + 18, row.counters.deliveries)
      .bind_or_null(before + 19, static_cast<std::int64_t>(row.token))
      .bind_or_null(before + 20, static_cast<std::int64_t>(row.holder))
      .bind_or_null(before + 21, row.lease_wall_ms);
}

bool Index::add(const Row& row, const Entry& entry, const Now& now, const Settings& settings) {
  bind_row(sql_->insert, 0, row, entry);
  sql_->insert.run();
  if (db_.changes() == 0) return false;
  ++next_sequence_;
  note_added(row, entry, now, settings);
  return true;
}

void Index::note_added(const Row& row, const Entry& entry, const Now& now,
                       const Settings& settings) {
  ++totals_.sent;
  change_count(row.state, 1, static_cast<std::int64_t>(row.size));
  add_live(row.file, 1);
  if (!entry.dedupe_key.empty()) {
    const std::int64_t until = entry.sent_at_ms + settings.dedupe_window.count();
    if (until > now.wall_ms) {
      remember_key(key_of(entry.dedupe_key), entry.id, until);
    }
  }
}

bool Index::insert(const Entry& entry, const Now& now, const Settings& settings) {
  return add(new_row(entry, now, settings), entry, now, settings);
}

void Index::insert_all(std::span<const Entry> entries, const Now& now, const Settings& settings) {
  // An order key's next message asks for the one before it.
  const auto has_key = [](const Entry& entry) { return !entry.order_key.empty(); };
  while (entries.size() >= kRowsTogether) {
    const auto together = entries.first<kRowsTogether>();
    if (std::ranges::any_of(together, has_key)) {
      for (const Entry& entry : together) insert(entry, now, settings);
    } else {
      insert_together(together, now, settings);
    }
    entries = entries.subspan(kRowsTogether);
  }
  for (const Entry& entry : entries) insert(entry, now, settings);
}

void Index::insert_together(std::span<const Entry, kRowsTogether> entries, const Now& now,
                            const Settings& settings) {
  Stmt& insert = sql_->insert_many;
  std::vector<Row> rows;
  rows.reserve(entries.size());
  int before = 0;
  for (const Entry& entry : entries) {
    rows.push_back(new_row(entry, now, settings));
    rows.back().sequence = next_sequence_++;
    bind_row(insert, std::exchange(before, before + Statements::kInsertColumns), rows.back(),
             entry);
  }
  insert.run();
  const bool all = db_.changes() == static_cast<std::int64_t>(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!all) {
      const std::optional<Row> there = find(rows[i].id);
      if (!there || there->sequence != rows[i].sequence) continue;  // the id had a row
    }
    note_added(rows[i], entries[i], now, settings);
  }
}

std::optional<Index::Claimed> Index::insert_leased(const Entry& entry, const LeaseRequest& request,
                                                   const Now& now, const Settings& settings) {
  Row row = new_row(entry, now, settings);
  const bool lives = entry.expires_at_ms == 0 || entry.expires_at_ms > now.wall_ms;
  const bool is_wanted = request.from.empty() || request.from == entry.from.name;
  const bool leased = row.state == RowState::kReady && lives && is_wanted;
  if (leased) {
    row.state = RowState::kLeased;
    lease(row, request, now, random_bits());
  }
  if (!add(row, entry, now, settings) || !leased) return std::nullopt;
  row.order_key = entry.order_key;
  row.from = entry.from;
  if (row.order_key.empty()) leased_->remember(row.token, {row});
  return Claimed{std::move(row), entry.at};
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
  row.live = statement.amount(4);
  row.sealed = statement.integer(5) != 0;
  row.owner = statement.u64(6);
  return row;
}

FileRow Index::read_changed_file_row(const Stmt& statement) const {
  FileRow row = read_file_row(statement);
  const auto change = file_changes_.find(row.rowid);
  if (change != file_changes_.end() && change->second.indexed_end != 0) {
    row.indexed_end = change->second.indexed_end;
  }
  return row;
}

std::optional<FileRow> Index::find_file(const MessageId& file) {
  Stmt& find = sql_->file_by_name;
  const StmtScope scope(find);
  if (!find.bind(1, file).step()) return std::nullopt;
  return read_changed_file_row(find);
}

FileRow Index::file_by_rowid(std::int64_t rowid) {
  if (const auto known = files_.find(rowid); known != files_.end()) return known->second;
  Stmt& find = sql_->file_by_id;
  const StmtScope scope(find);
  if (!find.bind(1, rowid).step()) {
    throw SqliteError(SQLITE_CORRUPT, "use the index", dir_->path(),
                      "a message names a file that is not there");
  }
  return files_[rowid] = read_changed_file_row(find);
}

void Index::set_indexed_end(std::int64_t file, std::uint64_t end) {
  file_changes_[file].indexed_end = end;
  if (const auto known = files_.find(file); known != files_.end()) known->second.indexed_end = end;
}

void Index::seal(std::int64_t file) {
  sql_->file_seal.bind(1, file).run();
  files_.erase(file);
}

std::optional<MessageId> Index::known_key(std::string_view key, const Now& now) {
  Stmt& find = sql_->key_find;
  const StmtScope scope(find);
  if (!find.bind_blob(1, key).step() || find.integer(1) <= now.wall_ms) return std::nullopt;
  return find.id(0);
}

void Index::remember_key(std::string_view key, const MessageId& id, std::int64_t until_ms) {
  sql_->key_put.bind_blob(1, key).bind(2, id).bind(3, until_ms).run();
}

void Index::reserve(const Reservation& reservation) {
  const std::string& key = reservation.dedupe_key;
  sql_->reserve.bind(1, reservation.id)
      .bind_u64(2, reservation.holder)
      .bind_u64(3, reservation.bytes)
      .bind(5, reservation.counts ? 1 : 0)
      .bind(6, reservation.rendezvous ? 1 : 0);
  (key.empty() ? sql_->reserve.bind_null(4) : sql_->reserve.bind_blob(4, key)).run();
  if (!key.empty()) remember_key(key, reservation.id, reservation.key_until_ms);
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
  reservation.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(row.amount(2), 0));
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
  if (!is_key_of_id(key)) forget_key(key_of_id(id));
}

bool Index::has_reservations() {
  Stmt& any = sql_->any_reservation;
  const StmtScope scope(any);
  return any.step();
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
  remember_key(key_of_id(id), id, until_ms);
}

std::string Index::key_of(std::string_view dedupe_key) {
  return std::string(kOfSender).append(dedupe_key);
}

std::string Index::key_of_id(const MessageId& id) {
  std::string key(kOfId);
  key.append(id.bytes().begin(), id.bytes().end());
  return key;
}

void Index::forget_key(std::string_view key) { sql_->key_drop.bind_blob(1, key).run(); }

void Index::forget_key_of(const MessageId& id, std::string_view key, const Now& now) {
  if (known_key(key, now) == id) forget_key(key);
}

void Index::drop_old_keys(const Now& now) { sql_->keys_old.bind(1, now.wall_ms).run(); }

}  // namespace spoolmq

// The index's part in looking, fixing and maintenance.
#include <algorithm>
#include <map>

#include "core/id_source.h"
#include "store/index.h"
#include "store/index_statements.h"
#include "store/runs.h"

namespace spoolmq {
namespace {

constexpr std::size_t kPageLimit = 1000;
constexpr std::int64_t kMoveLeaseMs = 600'000;

std::string_view condition_of(State state) {
  switch (state) {
    case State::kReady:
      return "state IN (1,3)";
    case State::kLeased:
      return "state=2";
    case State::kDelayed:
      return "state=4";
    case State::kHeld:
      return "state=5";
    case State::kDead:
      return "state=6";
    case State::kCorrupt:
      return "state=7";
    case State::kArchived:
      return "state=8";
  }
  return "0";
}

// A blob of 16 bytes whose text form could end in `tail`, compared in SQL as hex(id).
std::string upper_hex_without_dashes(std::string_view text) {
  std::string hex;
  for (const char c : text) {
    if (c == '-') continue;
    hex += static_cast<char>(c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
  }
  return hex;
}

}  // namespace

std::optional<Row> Index::find(const MessageId& id) {
  Stmt& find = sql_->find;
  const StmtScope scope(find);
  if (!find.bind(1, id).step()) return std::nullopt;
  return read_row(find);
}

Location Index::location(const Row& row) {
  if (row.file == 0) {
    const bool xml = (row.flags & kRowXml) != 0;
    return {row.id, xml ? names::SpoolKind::kXml : names::SpoolKind::kBinary, row.offset,
            row.length};
  }
  const FileRow file = file_by_rowid(row.file);
  return {file.file, file.kind, row.offset, row.length};
}

std::vector<Row> Index::page(const ScanOptions& options) {
  std::string states = "state<9";
  if (!options.states.empty()) {
    states.clear();
    for (const State state : options.states) {
      if (!states.empty()) states += " OR ";
      states += condition_of(state);
    }
  }
  Stmt page = db_.prepare("SELECT " SPOOLMQ_ROW_COLUMNS " FROM m WHERE (" + states +
                          ") AND seq>?1 ORDER BY seq LIMIT ?2");
  page.bind(1, options.after_sequence)
      .bind(2, static_cast<std::int64_t>(std::min(options.limit, kPageLimit)));
  return read_rows(page);
}

std::vector<Row> Index::next_ready(std::size_t limit) {
  return read_rows(sql_->claim.bind(1, static_cast<std::int64_t>(std::min(limit, kPageLimit))));
}

std::vector<MessageId> Index::find_by_tail(std::string_view hex_tail) {
  const std::string tail = upper_hex_without_dashes(hex_tail);
  Stmt search = db_.prepare(
      "SELECT id FROM m WHERE state<9 AND substr(hex(id),-length(?1))=?1 ORDER BY seq LIMIT 10");
  search.bind(1, tail);
  std::vector<MessageId> found;
  while (search.step()) found.push_back(search.id(0));
  return found;
}

std::optional<Row> Index::first_live_of_key(std::string_view order_key) {
  Stmt& first = sql_->key_first;
  const StmtScope scope(first);
  if (!first.bind(1, order_key).step()) return std::nullopt;
  return read_row(first);
}

bool Index::key_stopped_by_dead(std::string_view order_key) {
  Stmt& dead = sql_->key_has_dead;
  const StmtScope scope(dead);
  return dead.bind(1, order_key).step();
}

std::int64_t Index::oldest_ready_ms() {
  // The oldest by index order; with priorities in use an estimate, and one look at an index.
  Stmt oldest = db_.prepare("SELECT sent FROM m WHERE state=1 ORDER BY prio DESC, seq LIMIT 1");
  return oldest.step() ? oldest.amount(0) : 0;
}

std::int64_t Index::segment_count() {
  Stmt count = db_.prepare("SELECT count(*) FROM f");
  return count.step() ? count.integer(0) : 0;
}

std::vector<std::pair<std::uint64_t, std::int64_t>> Index::leases_by_holder() {
  Stmt rows = db_.prepare("SELECT holder,count(*) FROM m WHERE state=2 GROUP BY holder");
  std::vector<std::pair<std::uint64_t, std::int64_t>> counts;
  while (rows.step()) counts.emplace_back(rows.u64(0), rows.integer(1));
  return counts;
}

std::int64_t Index::leases_over(const Now& now) {
  Stmt over = db_.prepare("SELECT count(*) FROM m WHERE state=2 AND due<=?1");
  return over.bind(1, now.boot_ms).step() ? over.integer(0) : 0;
}

void Index::promote_stopped_keys() {
  Stmt stopped = db_.prepare("SELECT DISTINCT okey FROM m WHERE okey IS NOT NULL AND state=6");
  std::vector<std::string> keys;
  while (stopped.step()) keys.push_back(stopped.text(0));
  for (const std::string& key : keys) promote(key);
}

void Index::put_back(Row before) {
  const bool waits = before.state == RowState::kReady || before.state == RowState::kBehind;
  const RowState state = waits ? ready_or_behind(before) : before.state;
  before.state = RowState::kLeased;
  set_state(before, state);
}

void Index::hold(Row& row, std::string_view reason, const Now& now) {
  // What was not live has lost its place in its order key: others may have passed.
  const bool was_live = row.state <= RowState::kHeld;
  if (!was_live) move_to_end(row);
  row.reason = reason;
  row.due = now.wall_ms;
  row.flags |= kRowVerdict;
  set_state(row, RowState::kHeld);
  if (!was_live) promote(row.order_key);
}

void Index::unhold(Row& row, const Now& now, const Settings& settings) {
  row.reason.clear();
  row.due = 0;
  row.flags |= kRowVerdict;
  if (row.expires_at_ms != 0 && row.expires_at_ms <= now.wall_ms) {
    kill(row, "expired", now, settings.order_on_dead);
    return;
  }
  set_state(row, ready_or_behind(row));
}

void Index::move_to_end(Row& row) {
  const std::int64_t sequence = next_sequence_++;
  sql_->renumber.bind(1, row.sequence).bind(2, sequence).run();
  row.sequence = sequence;
}

// Goes to the end of the queue, and so of its order key.
void Index::requeue(Row& row, bool reset_redrives) {
  const bool was_dead = row.state == RowState::kDead;
  move_to_end(row);
  row.counters.failures = 0;
  row.counters.redrives = reset_redrives ? 0 : row.counters.redrives + 1;
  row.reason.clear();
  row.due = 0;
  row.token = 0;
  row.expires_at_ms = 0;
  row.flags |= kRowVerdict;
  set_state(row, ready_or_behind(row));
  Stmt forget = db_.prepare("UPDATE m SET expires=NULL WHERE seq=?1");
  forget.bind(1, row.sequence).run();
  // With order-on-dead = stop, the dead message was what kept its key.
  if (was_dead) promote(row.order_key);
}

void Index::remove(Row& row, const Now& now) {
  row.flags |= kRowRemoved;
  row.token = 0;
  row.holder = 0;
  row.due = now.wall_ms;
  set_state(row, RowState::kAcked);
  add_live(row.file, -1);
  promote(row.order_key);
}

void Index::drop(const Row& row) {
  sql_->drop_run.bind(1, row.sequence).bind(2, row.sequence).run();
  change_count(row.state, -1, -static_cast<std::int64_t>(row.size));
}

void Index::mark_corrupt(Row& row, std::string_view reason) {
  row.reason = reason;
  row.token = 0;
  row.holder = 0;
  row.due = 0;
  set_state(row, RowState::kCorrupt);
  promote(row.order_key);
}

void Index::revoke(Row& row) {
  row.reason = "lease revoked";
  release(row);
}

std::uint64_t Index::take(Row& row, std::uint64_t holder, const Now& now) {
  row.token = random_bits() | 1;
  row.holder = holder;
  row.lease_length_ms = kMoveLeaseMs;
  row.due = now.boot_ms + kMoveLeaseMs;
  set_state(row, RowState::kLeased);
  return row.token;
}

std::vector<Index::Settled> Index::settled_singles(std::size_t limit, std::int64_t latest_ms) {
  std::vector<Settled> settled = settled_in(0, limit);
  std::erase_if(settled, [&](const Settled& one) { return one.settled_at_ms > latest_ms; });
  return settled;
}

std::vector<Index::Settled> Index::settled_in(std::int64_t file, std::size_t limit) {
  Stmt& rows = sql_->settled_in;
  const StmtScope scope(rows);
  rows.bind(1, file).bind(2, static_cast<std::int64_t>(limit));
  std::vector<Settled> settled;
  while (rows.step()) {
    settled.push_back({rows.integer(0), rows.id(1), rows.u64(2), rows.u64(3), rows.integer(4),
                       static_cast<std::uint32_t>(rows.integer(5))});
  }
  return settled;
}

std::vector<FileRow> Index::read_file_rows(Stmt& rows) {
  std::vector<FileRow> files;
  while (rows.step()) files.push_back(read_file_row(rows));
  return files;
}

std::vector<FileRow> Index::finished_files(std::size_t limit, std::int64_t latest_ms) {
  Stmt rows = db_.prepare(
      "SELECT fid,name,kind,indexed_end,live,sealed,owner FROM f WHERE live=0 AND sealed=1 AND "
      "settled<=?2 LIMIT ?1");
  rows.bind(1, static_cast<std::int64_t>(limit)).bind(2, latest_ms);
  return read_file_rows(rows);
}

std::vector<FileRow> Index::mixed_files(std::size_t limit) {
  Stmt rows = db_.prepare(
      "SELECT fid,name,kind,indexed_end,live,sealed,owner FROM f WHERE fid IN "
      "(SELECT DISTINCT file FROM m WHERE state=9 AND file>0 LIMIT ?1) AND NOT (live=0 AND "
      "sealed=1)");
  rows.bind(1, static_cast<std::int64_t>(limit));
  return read_file_rows(rows);
}

std::vector<FileRow> Index::open_files(std::uint64_t owner) {
  Stmt rows = db_.prepare(
      "SELECT fid,name,kind,indexed_end,live,sealed,owner FROM f WHERE sealed=0 AND owner=?1");
  rows.bind_u64(1, owner);
  return read_file_rows(rows);
}

class Index::Settler {
 public:
  // `column`: what first and last are numbers of.
  Settler(Index& index, const std::string& column, const Now& now)
      : index_(index), latest_ms_(now.wall_ms - kRepeatedAckMs) {
    const std::string which = " WHERE state=9 AND " + column + " BETWEEN ?1 AND ?2";
    const std::string old = which + " AND due<=?3";
    sum_old_ = index.db_.prepare("SELECT count(*),sum(size) FROM m" + old);
    drop_old_ = index.db_.prepare("DELETE FROM m" + old);
    sum_ = index.db_.prepare("SELECT count(*),sum(size) FROM m" + which);
    keep_ = index.db_.prepare("UPDATE m SET state=10" + which);
  }

  void settle(const Run& run) {
    for (Stmt* const one : {&sum_old_, &drop_old_, &sum_, &keep_}) {
      one->bind(1, run.first).bind(2, run.last);
    }
    const StateCount old = read(sum_old_.bind(3, latest_ms_));
    if (old.messages > 0) drop_old_.bind(3, latest_ms_).run();
    index_.change_count(RowState::kAcked, -old.messages, -old.bytes);
    const StateCount young = read(sum_);
    if (young.messages > 0) keep_.run();
    index_.change_count(RowState::kAcked, -young.messages, -young.bytes);
    index_.change_count(RowState::kGone, young.messages, young.bytes);
  }

 private:
  static StateCount read(Stmt& sum) {
    const StmtScope scope(sum);
    if (!sum.step()) return {};
    return {sum.amount(0), sum.amount(1)};
  }

  Index& index_;
  std::int64_t latest_ms_;
  Stmt sum_old_;
  Stmt drop_old_;
  Stmt sum_;
  Stmt keep_;
};

void Index::settle(const std::vector<Settled>& rows, const Now& now) {
  Settler settler(*this, "seq", now);
  for_each_run(
      rows, [&settler](const Run& run) { settler.settle(run); }, &Settled::sequence);
}

void Index::settle_file(std::int64_t file, const Now& now) {
  Settler(*this, "file", now).settle({file, file});
}

std::vector<Row> Index::live_rows_of(std::int64_t file) {
  Stmt rows = db_.prepare("SELECT " SPOOLMQ_ROW_COLUMNS " FROM m WHERE file=?1 AND state<9");
  rows.bind(1, file);
  return read_rows(rows);
}

void Index::drop_file(std::int64_t file) {
  Stmt drop = db_.prepare("DELETE FROM f WHERE fid=?1");
  drop.bind(1, file).run();
  file_changes_.erase(file);
  files_.erase(file);
  file_ids_.clear();
}

std::size_t Index::drop_gone(const Now& now, std::size_t limit) {
  std::vector<std::int64_t> gone;
  {
    Stmt& rows = sql_->gone;
    const StmtScope scope(rows);
    rows.bind(1, now.wall_ms - kRepeatedAckMs).bind(2, static_cast<std::int64_t>(limit));
    while (rows.step()) {
      gone.push_back(rows.integer(0));
      change_count(RowState::kGone, -1, -rows.amount(1));
    }
  }
  for_each_run(
      gone, [this](const Run& run) { sql_->drop_run.bind(1, run.first).bind(2, run.last).run(); });
  return gone.size();
}

std::vector<Row> Index::unnoted(std::size_t limit) {
  Stmt rows =
      db_.prepare("SELECT " SPOOLMQ_ROW_COLUMNS " FROM m WHERE note=1 ORDER BY seq LIMIT ?1");
  rows.bind(1, static_cast<std::int64_t>(limit));
  return read_rows(rows);
}

void Index::mark_noted(std::int64_t sequence, RowState state) {
  sql_->noted.bind(1, sequence).bind(2, static_cast<std::int64_t>(state)).run();
}

std::size_t Index::release_archived(const Now& now) {
  Stmt due = db_.prepare("SELECT " SPOOLMQ_ROW_COLUMNS
                         " FROM m WHERE state=8 AND due<=?1 ORDER BY due LIMIT 1000");
  due.bind(1, now.wall_ms);
  std::vector<Row> rows = read_rows(due);
  for (Row& row : rows) {
    row.due = now.wall_ms;
    set_state(row, RowState::kAcked);
    add_live(row.file, -1);
  }
  return rows.size();
}

void Index::recount() {
  for (StateCount& count : counts_) count = {};
  reserved_ = {};
  std::map<std::int64_t, std::int64_t> live;
  // Grouped here: GROUP BY would sort all rows, twice.
  Stmt rows = db_.prepare("SELECT state,file,size FROM m");
  while (rows.step()) {
    const std::int64_t state = rows.integer(0);
    const std::int64_t file = rows.integer(1);
    if (file > 0 && state < static_cast<std::int64_t>(RowState::kAcked)) ++live[file];
    if (state < 1 || state >= static_cast<std::int64_t>(kRowStates)) continue;
    counts_[state].messages += 1;
    counts_[state].bytes += rows.amount(2);
  }
  Stmt places = db_.prepare("SELECT count(*),coalesce(sum(bytes),0) FROM r WHERE counts=1");
  if (places.step()) reserved_ = {places.amount(0), places.amount(1)};
  db_.execute("UPDATE f SET live=0 WHERE live<>0");
  Stmt set_live = db_.prepare("UPDATE f SET live=?2 WHERE fid=?1");
  for (const auto& [file, count] : live) set_live.bind(1, file).bind(2, count).run();
  for (auto& [file, change] : file_changes_) change.live = 0;
  files_.clear();
}

}  // namespace spoolmq

#include "store/index.h"

#include <algorithm>

#include "core/check.h"
#include "store/checked_vfs.h"
#include "store/index_schema.h"
#include "store/index_statements.h"
#include "store/leased_rows.h"

namespace spoolmq {
namespace {

constexpr std::size_t kMostCachedFiles = 4096;
// No queue gets there, and whoever counts on from there never overflows.
constexpr std::int64_t kMostSequence = std::int64_t{1} << 62;

constexpr char kPragmas[] =
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=NORMAL;"
    "PRAGMA cache_size=-2048;"
    "PRAGMA journal_size_limit=4194304;"
    "PRAGMA secure_delete=OFF;";

// Of the log: a header and a page (https://sqlite.org/walformat.html).
constexpr std::uint64_t kFrameBytes = kPageBytes + 24;

std::uint64_t log_bytes(int frames) {
  return static_cast<std::uint64_t>(std::max(frames, 0)) * kFrameBytes;
}

std::string index_path(const Dir& dir, std::uint64_t generation) {
  return dir.path() + "/" + names::index_file(generation);
}

void configure(Db& db) {
  sqlite3_busy_timeout(db.raw(), 2000);
  leave_room_for_checksums(db.raw());
  int on = 1;
  sqlite3_file_control(db.raw(), "main", SQLITE_FCNTL_PERSIST_WAL, &on);
  sqlite3_db_config(db.raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  db.execute("PRAGMA page_size=4096;");
  db.execute(kPragmas);
}

}  // namespace

Index::Index(std::shared_ptr<Dir> dir)
    : dir_(std::move(dir)), leased_(std::make_unique<LeasedRows>()) {}
Index::~Index() = default;

void Index::open(std::uint64_t generation, std::uint64_t least_transaction) {
  close();
  const std::string name = names::index_file(generation);
  if (!dir_->status(name)) {
    throw SqliteError(SQLITE_CANTOPEN, "open the index", dir_->path() + "/" + name,
                      "it is missing");
  }
  Db db(index_path(*dir_, generation), checked_vfs(dir_->sqlite_vfs()));
  configure(db);
  db_ = std::move(db);
  try {
    check_version();
    prepare();
    load_meta();
    if (transaction_ < least_transaction) {
      throw SqliteError(SQLITE_CORRUPT, "open the index", dir_->path() + "/" + name,
                        "an older copy stands in its place");
    }
  } catch (...) {
    close();
    throw;
  }
  generation_ = generation;
}

void Index::create(std::uint64_t generation) {
  close();
  db_ = Db(index_path(*dir_, generation), checked_vfs(dir_->sqlite_vfs()));
  leave_room_for_checksums(db_.raw());
  // Nobody knows this file yet, and a crash leaves it to be thrown away: no journal. Its syncs
  // stay.
  db_.execute(
      "PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA cache_size=-16384; PRAGMA threads=2");
  db_.execute("BEGIN");
  db_.execute(kIndexTables);
  db_.execute(kBulkTable);
  generation_ = generation;
}

// Before the statements are prepared, which would stumble over columns.
void Index::check_version() {
  Stmt version = db_.prepare("SELECT version FROM q WHERE one=1");
  if (version.step() && version.integer(0) == kIndexVersion) return;
  throw SqliteError(SQLITE_NOTADB, "open the index", dir_->path(), "not of this version");
}

void Index::prepare() { sql_ = std::make_unique<Statements>(db_); }

void Index::close() {
  sql_.reset();
  meta_of_.reset();
  files_.clear();
  file_ids_.clear();
  file_changes_.clear();
  leased_->clear();
  db_ = Db();
}

void Index::abandon_after_fork() {
  static_cast<void>(sql_.release());  // statements and connection belong to the parent's SQLite
  db_.abandon();
}

void Index::begin(std::int64_t wall_ms) {
  wall_ms_ = wall_ms;
  sql_->begin.run();
  file_changes_.clear();
  const std::uint64_t last_seen = transaction_;
  if (meta_of_ != db_.data_version()) load_meta();
  meta_of_.reset();  // until it is committed
  // Another handle may have dropped a file and given its number to a new one.
  if (transaction_ != last_seen) {
    files_.clear();
    file_ids_.clear();
  }
  at_begin_ = {db_.total_changes(), next_sequence_, totals_.syncs, boot_id_};
}

bool Index::has_changed() const {
  return db_.total_changes() != at_begin_.changes || next_sequence_ != at_begin_.next_sequence ||
         totals_.syncs != at_begin_.syncs || boot_id_ != at_begin_.boot_id;
}

void Index::prepare_commit() {
  for (const auto& [file, change] : file_changes_) {
    if (change.live == 0 && change.indexed_end == 0) continue;
    sql_->file_change.bind(1, file)
        .bind(2, change.live)
        .bind(3, wall_ms_)
        .bind_u64(4, change.indexed_end)
        .run();
  }
  // Who only looked leaves nothing in the log.
  if (has_changed()) {
    ++transaction_;
    store_meta();
  }
  file_changes_.clear();
}

void Index::commit() {
  sql_->commit.run();
  meta_of_ = db_.data_version();
  if (files_.size() > kMostCachedFiles) {
    files_.clear();
    file_ids_.clear();
  }
}

void Index::rollback() noexcept {
  files_.clear();
  file_ids_.clear();
  file_changes_.clear();
  try {
    if (db_.is_open() && db_.in_transaction()) db_.execute("ROLLBACK");
  } catch (const Error&) {
    // SQLite has rolled back on its own; the connection is closed by whoever saw the first error.
  }
}

void Index::load_meta() {
  Stmt& row = sql_->load_meta;
  const StmtScope scope(row);
  if (!row.step() || row.integer(0) != kIndexVersion) {
    throw SqliteError(SQLITE_NOTADB, "open the index", dir_->path(), "not of this version");
  }
  transaction_ = row.u64(1);
  next_sequence_ = row.integer(2);
  if (next_sequence_ < -kMostSequence || next_sequence_ > kMostSequence) {
    throw SqliteError(SQLITE_CORRUPT, "use the index", dir_->path(), "it has no numbers left");
  }
  boot_id_ = row.text(3);
  for (int state = 1; state < static_cast<int>(kRowStates); ++state) {
    counts_[state] = {row.amount(2 + 2 * state), row.amount(3 + 2 * state)};
  }
  reserved_ = {row.amount(24), row.amount(25)};
  totals_ = {row.amount(26), row.amount(27), row.amount(28), row.amount(29),
             row.amount(30), row.amount(31), row.amount(32)};
}

void Index::store_meta() {
  Stmt& row = sql_->store_meta;
  row.bind_u64(1, transaction_).bind(2, next_sequence_).bind(3, boot_id_);
  for (int state = 1; state < static_cast<int>(kRowStates); ++state) {
    row.bind(2 + 2 * state, counts_[state].messages).bind(3 + 2 * state, counts_[state].bytes);
  }
  row.bind(24, reserved_.messages).bind(25, reserved_.bytes);
  row.bind(26, totals_.sent)
      .bind(27, totals_.acked)
      .bind(28, totals_.failures)
      .bind(29, totals_.dead)
      .bind(30, totals_.syncs)
      .bind(31, totals_.sync_us)
      .bind(32, totals_.longest_sync_us)
      .run();
}

void Index::add_syncs(const SyncMeter::Reading& reading) {
  totals_.syncs += reading.syncs;
  totals_.sync_us += reading.total_us;
  totals_.longest_sync_us = std::max(totals_.longest_sync_us, reading.longest_us);
}

void Index::change_count(RowState state, std::int64_t messages, std::int64_t bytes) {
  StateCount& count = counts_[static_cast<std::size_t>(state)];
  count.messages += messages;
  count.bytes += bytes;
}

void Index::add_live(std::int64_t file, std::int64_t by) {
  if (file != 0) file_changes_[file].live += by;
}

std::uint64_t Index::checkpoint_some() {
  int frames = 0;
  int moved = 0;
  db_.checkpoint(SQLITE_CHECKPOINT_PASSIVE, &frames, &moved);
  // The file keeps its length; what counts is what the next writer cannot overwrite.
  return log_bytes(frames - moved);
}

bool Index::log_is_over(std::uint64_t bytes_allowed) {
  return log_bytes(db_.log_frames()) > bytes_allowed;
}

bool Index::checkpoint_all() { return db_.checkpoint(SQLITE_CHECKPOINT_TRUNCATE); }

Row Index::read_row(const Stmt& statement) {
  Row row;
  row.sequence = statement.integer(0);
  row.id = statement.id(1);
  const std::int64_t state = statement.integer(2);
  if (state < 1 || state >= static_cast<std::int64_t>(kRowStates)) {
    throw SqliteError(SQLITE_CORRUPT, "use the index", row.id.text(), "it has no state there is");
  }
  row.state = static_cast<RowState>(state);
  row.priority = static_cast<std::uint16_t>(statement.integer(3));
  row.file = statement.integer(4);
  row.offset = statement.u64(5);
  row.length = statement.u64(6);
  row.size = static_cast<std::uint64_t>(std::max<std::int64_t>(statement.amount(7), 0));
  row.sent_at_ms = statement.amount(8);
  row.due = statement.amount(9);
  row.expires_at_ms = statement.amount(10);
  row.order_key = statement.text(11);
  row.from.name = statement.text(12);
  row.from.uid = static_cast<std::uint32_t>(statement.integer(13));
  row.from.pid = static_cast<std::uint32_t>(statement.integer(14));
  row.counters = {statement.amount(15), statement.amount(16), statement.amount(17)};
  row.token = statement.u64(18);
  row.holder = statement.u64(19);
  row.lease_wall_ms = statement.amount(20);
  row.lease_length_ms = std::max<std::int64_t>(statement.amount(21), 0);
  row.reason = statement.text(22);
  row.flags = static_cast<std::uint32_t>(statement.integer(23));
  return row;
}

std::vector<Row> Index::read_rows(Stmt& statement) {
  const StmtScope scope(statement);
  std::vector<Row> rows;
  while (statement.step()) rows.push_back(read_row(statement));
  return rows;
}

// Every change of a row but its insertion and its deletion. The caller has done the counting.
void Index::write(const Row& row) {
  const bool verdict = row.state == RowState::kHeld || row.state == RowState::kDead ||
                       row.state == RowState::kArchived || (row.flags & kRowVerdict) != 0;
  sql_->write.bind(1, row.sequence)
      .bind(3, static_cast<std::int64_t>(row.state))
      .bind(4, row.due)
      .bind(5, row.counters.deliveries)
      .bind(6, row.counters.failures)
      .bind(7, row.counters.redrives)
      .bind_or_null(8, static_cast<std::int64_t>(row.token))
      .bind_or_null(9, static_cast<std::int64_t>(row.holder))
      .bind_or_null(10, row.lease_wall_ms)
      .bind_or_null(11, row.lease_length_ms)
      .bind_text_or_null(12, row.reason)
      .bind(13, static_cast<std::int64_t>(row.flags))
      .bind(14, verdict ? 1 : 0)
      .run();
}

void Index::count_state(Row& row, RowState state) {
  const auto size = static_cast<std::int64_t>(row.size);
  change_count(row.state, -1, -size);
  change_count(state, 1, size);
  row.state = state;
}

void Index::set_state(Row& row, RowState state) {
  count_state(row, state);
  write(row);
}

RowState Index::ready_or_behind(const Row& row) {
  if (row.order_key.empty()) return RowState::kReady;
  Stmt& earlier = sql_->key_has_earlier;
  const StmtScope scope(earlier);
  if (earlier.bind(1, row.order_key).bind(2, row.sequence).step()) return RowState::kBehind;
  return RowState::kReady;
}

void Index::promote(std::string_view order_key) {
  if (order_key.empty()) return;
  if (order_on_dead_ == OrderOnDead::kStop && key_stopped_by_dead(order_key)) return;
  Stmt& promote = sql_->promote;
  const StmtScope scope(promote);
  if (!promote.bind(1, order_key).step()) return;
  const std::int64_t size = promote.amount(0);
  change_count(RowState::kBehind, -1, -size);
  change_count(RowState::kReady, 1, size);
}

State public_state(RowState state) {
  switch (state) {
    case RowState::kReady:
    case RowState::kBehind:
      return State::kReady;
    case RowState::kLeased:
      return State::kLeased;
    case RowState::kDelayed:
      return State::kDelayed;
    case RowState::kHeld:
      return State::kHeld;
    case RowState::kDead:
      return State::kDead;
    case RowState::kCorrupt:
      return State::kCorrupt;
    case RowState::kArchived:
      return State::kArchived;
    case RowState::kAcked:
    case RowState::kGone:
      break;
  }
  SPOOLMQ_CHECK(!"a settled message has no public state");
  return State::kArchived;
}

}  // namespace spoolmq

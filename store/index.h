#pragma once
// The index: one row per message that is not gone, in SQLite, disposable. It knows nothing of locks
// or files; whoever calls it holds byte 0 (WriterLock) and has synced what a row speaks of.
// One transaction at a time: begin(), any number of acts, commit(); rollback() forgets them.
// Order keys: of one key only the first live message is `ready`; those behind it wait in the inner
// state kBehind, so that a claim is one step down an index however many are blocked (FORMAT.md 8).
// Not thread-safe.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/file_system.h"
#include "core/names.h"
#include "spoolmq/message.h"
#include "spoolmq/queue.h"
#include "store/sqlite.h"
#include "store/sync_meter.h"

namespace spoolmq {

// What the column `state` holds. The order matters: up to kHeld a message is live (it keeps its
// place in its order key).
enum class RowState : std::uint8_t {
  kReady = 1,
  kLeased = 2,
  kBehind = 3,
  kDelayed = 4,
  kHeld = 5,
  kDead = 6,
  kCorrupt = 7,
  kArchived = 8,
  kAcked = 9,  // settled durably or about to be; its bytes are still there
  kGone = 10,  // its bytes are gone or named by a verdict; kept for a second for repeated acks
};
inline constexpr std::size_t kRowStates = 11;  // index 0 is unused
State public_state(RowState state);            // kAcked and kGone must not be asked

enum RowFlags : std::uint32_t {
  kRowOsDurability = 1,
  kRowLargeBody = 2,
  kRowXml = 4,       // with file 0: the file is UUID.xml, else UUID.seg
  kRowRemoved = 8,   // gone because an operator deleted it, or its rendezvous was withdrawn
  kRowVerdict = 16,  // verdicts.log says something of it that is not, or no longer, so
};

// Where a message's bytes are. `offset` and `length` are 0 for XML.
struct Location {
  MessageId file;
  names::SpoolKind kind = names::SpoolKind::kBinary;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

// What a row takes from a message and its place.
struct Entry {
  MessageId id;
  Location at;
  std::uint32_t flags = 0;  // RowFlags
  std::uint16_t priority = 0;
  std::int64_t sent_at_ms = 0;
  std::int64_t not_before_ms = 0;
  std::int64_t expires_at_ms = 0;
  std::uint64_t size = 0;
  std::string order_key;
  std::string dedupe_key;
  Sender from;
  static Entry of(const Message& message, const Location& at, Durability durability);
  static Entry of_corrupt(const MessageId& id, const Location& at);
};

struct Row {
  std::int64_t sequence = 0;
  MessageId id;
  RowState state = RowState::kReady;
  std::uint16_t priority = 0;
  std::int64_t file = 0;  // rowid of its file; 0: a file of its own, named by its id
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t size = 0;
  std::int64_t sent_at_ms = 0;
  // delayed and archived: wall ms; leased: boot ms; acked and gone: wall ms of that moment
  std::int64_t due = 0;
  std::int64_t expires_at_ms = 0;
  std::string order_key;
  Sender from;
  Counters counters;
  std::uint64_t token = 0;
  std::uint64_t holder = 0;          // incarnation; 0: a timed lease
  std::int64_t lease_wall_ms = 0;    // timed: the deadline on the wall clock
  std::int64_t lease_length_ms = 0;  // leased; delayed: how long the delay was
  std::string reason;
  std::uint32_t flags = 0;
};

struct FileRow {
  std::int64_t rowid = 0;
  MessageId file;
  names::SpoolKind kind = names::SpoolKind::kBinary;
  std::uint64_t indexed_end = 0;
  std::int64_t live = 0;  // messages not yet settled
  bool sealed = false;
  std::uint64_t owner = 0;  // incarnation that appends to it
};

struct Now {
  std::int64_t wall_ms = 0;
  std::int64_t boot_ms = 0;
};

struct LeaseRequest {
  std::size_t max = 1;
  std::uint64_t holder = 0;  // 0: timed
  std::int64_t length_ms = 0;
  std::string from;
  std::uint64_t token = 0;  // of the lease, or leases; 0: one is drawn
};

class LeasedRows;

class Index {
 public:
  // A repeated acknowledgement is answered for at least this long.
  static constexpr std::int64_t kRepeatedAckMs = 1000;

  // `dir` is the queue's directory. Nothing is opened yet.
  explicit Index(std::shared_ptr<Dir> dir);
  ~Index();

  // Opens index.G.db. Throws SqliteError (doubtful) if it is missing, damaged, not of this version,
  // or lacks transactions up to `least_transaction` (an older copy was put in its place).
  void open(std::uint64_t generation, std::uint64_t least_transaction);
  // Makes the empty file index.G.db, which is there already, an index to be loaded in bulk.
  void create(std::uint64_t generation);
  void close();
  [[nodiscard]] bool is_open() const { return db_.is_open(); }
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  bool has_moved() { return db_.has_moved(); }
  void abandon_after_fork();

  void begin(std::int64_t wall_ms);
  // What a dead message does to its order key; holds for the transactions that follow.
  void set_order_on_dead(OrderOnDead order) { order_on_dead_ = order; }
  // Whether there is anything to commit; a commit without leaves no trace.
  [[nodiscard]] bool has_changed() const;
  // To the totals; a change of its own.
  void add_syncs(const SyncMeter::Reading& reading);
  // Writes what goes with the changes: all of the commit but its last statement.
  void prepare_commit();
  // In front of a wait for the commit: it will have little left to write.
  void write_ahead() { db_.write_ahead(); }
  void commit();
  void rollback() noexcept;
  [[nodiscard]] std::uint64_t transaction() const { return transaction_; }
  // Of the newest row; within a transaction.
  [[nodiscard]] std::int64_t last_sequence() const { return next_sequence_ - 1; }
  // SQLite's handle of its log, for syncing it outside the lock.
  sqlite3_file* log_file() { return db_.log_file(); }
  bool log_is_over(std::uint64_t bytes_allowed);
  // As far as no reader is in the way. Returns the bytes of the log that could not be moved.
  std::uint64_t checkpoint_some();
  bool checkpoint_all();  // false if a reader is in the way
  Db& db() { return db_; }

  // ---- sending (index_send.cc)
  // False: the id is there already.
  bool insert(const Entry& entry, const Now& now, const Settings& settings);
  // As insert() of each, many with one statement.
  void insert_all(std::span<const Entry> entries, const Now& now, const Settings& settings);
  // A message of which no more is known than that it is damaged; nothing if the id has a row.
  void insert_corrupt(const MessageId& id, const Location& at, const Now& now,
                      const Settings& settings);
  std::int64_t file_rowid(const Location& at, std::uint64_t owner, bool sealed);
  std::optional<FileRow> find_file(const MessageId& file);
  FileRow file_by_rowid(std::int64_t rowid);
  void set_indexed_end(std::int64_t file, std::uint64_t end);
  void seal(std::int64_t file);
  struct Reservation {
    MessageId id;
    std::uint64_t holder = 0;
    std::uint64_t bytes = 0;
    std::string dedupe_key;  // empty: none
    std::int64_t key_until_ms = 0;
    bool counts = true;  // takes a place of a bounded queue
    bool rendezvous = false;
  };
  // The earlier message's id if the dedupe key (or the id itself) is known.
  std::optional<MessageId> known_key(std::string_view key, const Now& now);
  void reserve(const Reservation& reservation);
  void settle_reservation(const MessageId& id);  // its row is there
  void return_reservation(const MessageId& id);  // it will never be
  bool has_room(std::uint64_t messages, std::uint64_t bytes, const Settings& settings) const;
  // Withdraws a rendezvous message that nobody took; false if somebody did.
  bool withdraw(const MessageId& id, const Now& now);
  bool is_reserved(const MessageId& id);
  bool has_reservations();
  std::vector<Reservation> reservations_of(std::uint64_t holder);
  // The keys of table d: a sender's dedupe key, and apart from these an id.
  static std::string key_of(std::string_view dedupe_key);
  static std::string key_of_id(const MessageId& id);
  void remember_id(const MessageId& id, std::int64_t until_ms);  // returned with its place
  void forget_key(std::string_view key);
  // Only where it stands for that message: by now it may have become another's.
  void forget_key_of(const MessageId& id, std::string_view key, const Now& now);
  void drop_old_keys(const Now& now);

  // ---- leases (index_lease.cc)
  struct Claimed {
    Row row;
    Location at;
  };
  // Leases up to `max` messages that are ready, with one token: a lease is named by id and token.
  std::vector<Claimed> claim(const LeaseRequest& request, const Now& now);
  // What a claim with that token gave the holder, if it still has it.
  std::optional<Claimed> claimed_with(std::uint64_t token, std::uint64_t holder, const Now& now);
  // As insert, of a message that is leased from the start, if it would be ready, has not expired
  // and is from whom the request asks for. The caller knows that nothing else is ready.
  std::optional<Claimed> insert_leased(const Entry& entry, const LeaseRequest& request,
                                       const Now& now, const Settings& settings);
  // Delayed messages that are due, leases that are over, messages that expired. Returns how many
  // moved; the rows that went dead are appended to `deaths`.
  std::size_t move_due(const Now& now, const Settings& settings, std::vector<Row>* deaths);
  // The earliest time at which something becomes due, as milliseconds from now; nullopt: nothing.
  std::optional<std::int64_t> next_due_in(const Now& now);
  // The earliest time at which an archived one's time is over.
  std::optional<std::int64_t> next_archived_in(const Now& now);
  // Of the delayed messages alone.
  std::optional<std::int64_t> next_delayed_in(const Now& now);
  std::size_t end_leases_of(std::uint64_t holder, const Now& now, const Settings& settings,
                            std::vector<Row>* deaths);
  void release_leases_of(std::uint64_t holder);  // as release(): no failure
  // Where nobody is left of whoever held them.
  void end_bound_leases(const Now& now, const Settings& settings, std::vector<Row>* deaths);
  // After a boot: those that are left, which are timed, get what the wall clock leaves.
  void convert_leases(const Now& now, const Settings& settings, std::vector<Row>* deaths);
  void clamp_times(const Now& now);  // likewise: delays and expiries
  // The row a receipt names, if its lease runs; else what became of it.
  struct Found {
    LeaseOutcome outcome = LeaseOutcome::kLost;
    std::optional<Row> row;  // with kDone
  };
  Found find_lease(const Receipt& receipt, const Now& now);
  // The same of each. Cheap for what was leased here together.
  std::vector<Found> find_leases(std::span<const Receipt> receipts, const Now& now);
  void ack(Row& row, const Now& now, std::int64_t archive_ms);
  // Leased ones, each once. Cheap where their numbers follow each other.
  void ack_leased(std::span<Row> rows, const Now& now, std::int64_t archive_ms);
  void nack(Row& row, const Now& now, const Settings& settings, std::string_view reason,
            std::optional<std::int64_t> delay_ms, std::vector<Row>* deaths);
  void reject(Row& row, std::string_view reason, const Now& now, OrderOnDead order);
  void release(Row& row);
  void extend(Row& row, const Now& now, std::int64_t length_ms);
  void kill(Row& row, std::string_view reason, const Now& now, OrderOnDead order);

  // ---- looking and fixing (index_admin.cc)
  std::optional<Row> find(const MessageId& id);
  Location location(const Row& row);
  std::vector<Row> page(const ScanOptions& options);
  std::vector<Row> next_ready(std::size_t limit);
  std::vector<MessageId> find_by_tail(std::string_view hex_tail);
  std::optional<Row> first_live_of_key(std::string_view order_key);
  bool key_stopped_by_dead(std::string_view order_key);
  StateCount count(RowState state) const { return counts_[static_cast<std::size_t>(state)]; }
  [[nodiscard]] std::int64_t reserved() const { return reserved_.messages; }
  [[nodiscard]] const QueueTotals& totals() const { return totals_; }
  std::int64_t oldest_ready_ms();
  std::int64_t segment_count();
  std::vector<std::pair<std::uint64_t, std::int64_t>> leases_by_holder();
  std::int64_t leases_over(const Now& now);
  // Order keys that a dead message stopped go on: order-on-dead became `continue`.
  void promote_stopped_keys();
  // As it was before take(), but for its place in its order key, which may have become the head.
  void put_back(Row before);
  void hold(Row& row, std::string_view reason, const Now& now);
  void unhold(Row& row, const Now& now, const Settings& settings);
  void requeue(Row& row, bool reset_redrives);
  void remove(Row& row, const Now& now);
  void drop(const Row& row);  // a gone one, before its second is over
  void mark_corrupt(Row& row, std::string_view reason);
  void revoke(Row& row);
  // Leases a message that is in any state but leased, for moving it; returns the token.
  std::uint64_t take(Row& row, std::uint64_t holder, const Now& now);

  // ---- maintenance (index_admin.cc)
  struct Settled {
    std::int64_t sequence = 0;
    MessageId id;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::int64_t settled_at_ms = 0;
    std::uint32_t flags = 0;
  };
  // Both: settled at `latest_ms` or before.
  std::vector<Settled> settled_singles(std::size_t limit, std::int64_t latest_ms);
  std::vector<FileRow> finished_files(std::size_t limit, std::int64_t latest_ms);  // nothing live
  std::vector<FileRow> mixed_files(std::size_t limit);  // settled rows beside live ones
  std::vector<Settled> settled_in(std::int64_t file, std::size_t limit);
  std::vector<FileRow> open_files(std::uint64_t owner);
  // Rows whose bytes are gone: deleted if a second has passed, else kept until it has.
  void settle(const std::vector<Settled>& rows, const Now& now);
  void settle_file(std::int64_t file, const Now& now);
  std::vector<Row> live_rows_of(std::int64_t file);  // walks the table: for rare cases
  void drop_file(std::int64_t file);
  std::size_t drop_gone(const Now& now, std::size_t limit);
  std::vector<Row> unnoted(std::size_t limit);  // whose verdict stands only in the index
  // `state`: as it was when its verdict was written.
  void mark_noted(std::int64_t sequence, RowState state);
  std::size_t release_archived(const Now& now);

  // ---- recovery
  [[nodiscard]] const std::string& boot_id() const { return boot_id_; }
  void set_boot_id(std::string_view boot_id) { boot_id_ = boot_id; }
  void end_reservations_of(std::uint64_t holder, const Now& now);
  void return_all_reservations(const Now& now);  // of a former boot
  // Bulk loading of a new generation: rows in any order, then one sort by id.
  struct BulkRow {
    Entry entry;
    RowState state = RowState::kReady;
    std::int64_t file = 0;  // as Row::file
    std::int64_t due = 0;
    Counters counters;
    std::string reason;
    std::int64_t key_until_ms = 0;
  };
  void begin_bulk();                            // right after create()
  std::int64_t bulk_file(const FileRow& file);  // its rowid
  void bulk_insert(const BulkRow& row);
  // Sorted, indexed, counted, synced; closed. The caller syncs the directory and opens it.
  void finish_bulk(std::uint64_t transaction, OrderOnDead order, std::string_view boot_id);
  void recount();                            // counters and live figures from the rows themselves
  void set_state(Row& row, RowState state);  // with its counters; writes the row

 private:
  Row new_row(const Entry& entry, const Now& now, const Settings& settings);
  static void bind_row(Stmt& insert, int before, const Row& row, const Entry& entry);
  bool add(const Row& row, const Entry& entry, const Now& now, const Settings& settings);
  void note_added(const Row& row, const Entry& entry, const Now& now, const Settings& settings);
  static constexpr std::size_t kRowsTogether = 16;  // more than that gains nothing
  void insert_together(std::span<const Entry, kRowsTogether> entries, const Now& now,
                       const Settings& settings);
  static void lease(Row& row, const LeaseRequest& request, const Now& now, std::uint64_t token);
  struct Statements;

  void check_version();
  void prepare();
  void load_meta();
  void store_meta();
  void remember_key(std::string_view key, const MessageId& id, std::int64_t until_ms);
  void change_count(RowState state, std::int64_t messages, std::int64_t bytes);
  void add_live(std::int64_t file, std::int64_t by);
  class Settler;  // of the rows that one condition names
  void count_failure(Row& row);
  void count_state(Row& row, RowState state);  // set_state() without its writing
  RowState ready_or_behind(const Row& row);
  void promote(std::string_view order_key);
  void move_to_end(Row& row);
  void write(const Row& row);
  static Row read_row(const Stmt& statement);
  void find_as_leased(std::span<Row> run, const Now& now, std::vector<Found>& found);
  static FileRow read_file_row(const Stmt& statement);
  FileRow read_changed_file_row(const Stmt& statement) const;
  static std::vector<FileRow> read_file_rows(Stmt& rows);
  std::vector<Row> read_rows(Stmt& statement);
  // How long until the time in the statement's first row, 0 if it is over.
  static std::optional<std::int64_t> first_in(Stmt& first, std::int64_t clock_ms);

  std::shared_ptr<Dir> dir_;
  Db db_;
  std::unique_ptr<Statements> sql_;
  Stmt bulk_;
  Stmt bulk_file_;
  Stmt bulk_key_;
  std::uint64_t generation_ = 0;
  std::int64_t wall_ms_ = 0;  // of begin()
  OrderOnDead order_on_dead_ = OrderOnDead::kContinue;

  // What tells at commit() whether this transaction changed anything.
  struct AtBegin {
    std::int64_t changes = 0;
    std::int64_t next_sequence = 0;
    std::int64_t syncs = 0;
    std::string boot_id;
  };
  AtBegin at_begin_;

  // The row of table q, read at begin() if somebody else has committed, and written at commit().
  std::optional<std::uint32_t> meta_of_;  // data_version() at which what follows was so
  StateCount counts_[kRowStates];
  StateCount reserved_;
  QueueTotals totals_;
  std::uint64_t transaction_ = 0;
  std::int64_t next_sequence_ = 1;
  std::string boot_id_;

  struct FileChange {
    std::int64_t live = 0;          // so many messages more that are not settled
    std::uint64_t indexed_end = 0;  // 0: where it was
  };
  std::unordered_map<std::int64_t, FileChange> file_changes_;  // of this transaction
  std::unordered_map<std::int64_t, FileRow> files_;            // cache, dropped by rollback
  std::unordered_map<MessageId, std::int64_t> file_ids_;       // likewise
  std::unique_ptr<LeasedRows> leased_;                         // plain ones
};

}  // namespace spoolmq

#pragma once
// RAII around SQLite: a connection, a prepared statement, nothing more. Only these two types call
// sqlite3_* on the index; every failure is a SqliteError, which says whether the index itself is to
// be doubted. Not thread-safe: the owner of byte 0's in-process mutex uses them.

#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "spoolmq/error.h"
#include "spoolmq/id.h"

namespace spoolmq {

class SqliteError : public Error {
 public:
  // `error_number`: what the system said to SQLite, where that is known.
  SqliteError(int extended_code, std::string_view operation, std::string_view subject,
              std::string_view why, int error_number = 0);
  [[nodiscard]] int extended_code() const { return extended_code_; }
  // There is no room, or no more is allowed.
  [[nodiscard]] bool is_for_want_of_space() const;
  // The database cannot be believed any more (damaged, replaced, or a sync of it failed):
  // the answer is a new generation, not a retry.
  [[nodiscard]] bool index_is_doubtful() const;

 private:
  int extended_code_;
  int system_errno_;
};

class Stmt;

class Db {
 public:
  Db() = default;
  // Opens (creates) the database file `path` through the VFS `vfs`.
  Db(const std::string& path, const char* vfs);
  Db(Db&& other) noexcept;
  Db& operator=(Db&& other) noexcept;
  ~Db();

  [[nodiscard]] bool is_open() const { return db_ != nullptr; }
  void execute(const char* sql);  // no parameters; several statements may stand in it
  Stmt prepare(std::string_view sql);
  // At its first use.
  Stmt prepare_late(std::string sql);
  [[nodiscard]] std::int64_t last_rowid() const { return sqlite3_last_insert_rowid(db_); }
  [[nodiscard]] std::int64_t changes() const { return sqlite3_changes64(db_); }
  [[nodiscard]] std::int64_t total_changes() const { return sqlite3_total_changes64(db_); }
  [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  // Within a transaction: another number than before if anything was committed since, by whomever
  // (SQLITE_FCNTL_DATA_VERSION).
  std::uint32_t data_version();
  // True if the file was unlinked or renamed under us (SQLITE_FCNTL_HAS_MOVED).
  bool has_moved();
  // How many pages the write-ahead log held after this connection's last commit. Not by the log's
  // length: looking at a file costs its next sync a write (spool_scan.cc).
  [[nodiscard]] int log_frames() const { return *log_frames_; }
  // SQLite's own handle of the log (SQLITE_FCNTL_JOURNAL_POINTER); null before its first use.
  sqlite3_file* log_file();
  // Within a transaction: its pages so far go to the log now, where nobody reads them before the
  // commit, which then has one more page to write and no others.
  void write_ahead();
  // PASSIVE or TRUNCATE checkpoint; false if a reader kept it from finishing.
  bool checkpoint(int mode, int* log_frames = nullptr, int* moved_frames = nullptr);
  // Makes the empty database `to` a copy of this one, as it is committed now (sqlite3_backup_*).
  void copy_to(Db& to);
  sqlite3* raw() { return db_; }
  // Leaves the connection alone for good (a forked child's copy).
  void abandon() { db_ = nullptr; }

 private:
  sqlite3* db_ = nullptr;
  std::string path_;
  std::unique_ptr<int> log_frames_ = std::make_unique<int>(0);  // the hook's: it stays where it is
};

// Far more than is ever written: in milliseconds 35,000 years, in bytes a pebibyte.
inline constexpr std::int64_t kMostAmount = std::int64_t{1} << 50;

// Bind in order with `<<`-free calls; columns by number. reset() is implied by run() and rows().
class Stmt {
 public:
  Stmt() = default;
  Stmt(sqlite3* db, std::string sql, const std::string* subject)
      : db_(db), sql_(std::move(sql)), subject_(subject) {}
  Stmt(Stmt&& other) noexcept;
  Stmt& operator=(Stmt&& other) noexcept;
  ~Stmt();

  void prepare();  // where it is not yet
  // Parameters are numbered from 1.
  Stmt& bind(int at, std::int64_t value);
  Stmt& bind_u64(int at, std::uint64_t value) { return bind(at, static_cast<std::int64_t>(value)); }
  Stmt& bind(int at, std::string_view text);        // must outlive the step
  Stmt& bind_blob(int at, std::string_view bytes);  // must outlive the step
  Stmt& bind(int at, const MessageId& id);          // a blob of 16 bytes; must outlive the step
  Stmt& bind_null(int at);
  Stmt& bind_text_or_null(int at, std::string_view text);
  Stmt& bind_or_null(int at, std::int64_t value);  // 0: NULL

  bool step();  // true: a row is there
  void run();   // steps to the end and resets
  void reset();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::uint64_t u64(int column) const {
    return static_cast<std::uint64_t>(integer(column));
  }
  // A time, size or count: nearer to 0 than kMostAmount, whatever somebody else wrote there, so
  // that thousands of them can be added up.
  [[nodiscard]] std::int64_t amount(int column) const {
    return std::clamp(integer(column), -kMostAmount, kMostAmount);
  }
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] MessageId id(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  void abandon() { stmt_ = nullptr; }

 private:
  sqlite3_stmt* prepared();

  sqlite3* db_ = nullptr;
  sqlite3_stmt* stmt_ = nullptr;
  std::string sql_;
  const std::string* subject_ = nullptr;
};

// Resets a statement at the end of a scope, so that no read stays open.
class StmtScope {
 public:
  explicit StmtScope(Stmt& statement) : statement_(statement) {}
  ~StmtScope() { statement_.reset(); }
  StmtScope(const StmtScope&) = delete;
  StmtScope& operator=(const StmtScope&) = delete;

 private:
  Stmt& statement_;
};

}  // namespace spoolmq

#include "adapters/identity_database.h"

#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "core/id_source.h"
#include "core/names.h"
#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr int kBusyWaitMs = 10'000;
constexpr int kSchemaVersion = 3;

// imports: state 0 intent, 1 done, 2 kept. content: XXH3-64 of the bytes, NULL of large files.
// records (since version 3): of a split file, so many are sent for good.
constexpr const char* kSchema =
    "CREATE TABLE imports(id BLOB PRIMARY KEY NOT NULL, state INTEGER NOT NULL,"
    " directory_device INTEGER NOT NULL, directory_inode INTEGER NOT NULL, name BLOB NOT NULL,"
    " device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL,"
    " mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, content INTEGER,"
    " claimed_at_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX imports_by_file ON imports(device, inode);"
    "CREATE INDEX imports_by_age ON imports(directory_device, directory_inode, claimed_at_ms);"
    "CREATE TABLE exports(directory_device INTEGER NOT NULL, directory_inode INTEGER NOT NULL,"
    " id BLOB NOT NULL, nonce INTEGER NOT NULL, redrives INTEGER NOT NULL, name BLOB NOT NULL,"
    " PRIMARY KEY(directory_device, directory_inode, id)) WITHOUT ROWID;";

// Since version 2. appends: a row per message; those of one group have the same start in the same
// file, and stand there by their positions.
constexpr const char* kAppendSchema =
    "CREATE TABLE appends(directory_device INTEGER NOT NULL, directory_inode INTEGER NOT NULL,"
    " id BLOB NOT NULL, redrives INTEGER NOT NULL, name BLOB NOT NULL, inode INTEGER NOT NULL,"
    " start INTEGER NOT NULL, position INTEGER NOT NULL,"
    " PRIMARY KEY(directory_device, directory_inode, id)) WITHOUT ROWID;"
    "CREATE INDEX appends_by_file ON appends(directory_device, directory_inode, inode, start);"
    "CREATE TABLE append_files(directory_device INTEGER NOT NULL, directory_inode INTEGER NOT NULL,"
    " name BLOB NOT NULL, inode INTEGER NOT NULL, since_ms INTEGER NOT NULL,"
    " PRIMARY KEY(directory_device, directory_inode, name)) WITHOUT ROWID;"
    "PRAGMA user_version = 2;";

// Since version 3.
constexpr const char* kRecordsSchema =
    "ALTER TABLE imports ADD COLUMN records INTEGER NOT NULL DEFAULT 0;"
    "PRAGMA user_version = 3;";

// A program that does not know it keeps it up to date nevertheless: no version of its own.
constexpr const char* kInodeIndex =
    "CREATE INDEX IF NOT EXISTS imports_by_inode ON imports(inode);";

ErrorCode code_of(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
      return ErrorCode::kTryAgain;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      return ErrorCode::kPermission;
    case SQLITE_NOMEM:
      return ErrorCode::kOsResource;
    case SQLITE_MISUSE:
      return ErrorCode::kInternal;
    default:
      return ErrorCode::kIo;
  }
}

// The file must exist before SQLite sees it: SQLite would apply the umask. Made under a name of its
// own and renamed, because closing a descriptor of a database that this process has open elsewhere
// would drop that connection's locks.
void create_file(Dir& directory, std::uint32_t mode) {
  if (directory.status(names::kImports)) return;
  const std::string temporary = names::temporary(random_bits(), 0);
  const std::unique_ptr<File> file = directory.create(temporary, mode, IfExists::kFail);
  if (::geteuid() == 0) {
    const FileStatus owner = directory.status();
    file->set_owner(owner.uid, owner.gid);
  }
  file->sync();
  if (!directory.rename_new(temporary, directory, names::kImports)) directory.unlink(temporary);
  directory.sync();
}

}  // namespace

DirectoryIdentity identify(Dir& directory) {
  const FileStatus status = directory.status();
  return {status.device, status.inode};
}

IdentityDatabase::IdentityDatabase(Dir& queue_directory, std::uint32_t mode)
    : path_(queue_directory.path() + "/" + std::string(names::kImports)) {
  create_file(queue_directory, mode);
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW;
  sqlite3* opened = nullptr;  // set also where opening failed
  const int code = sqlite3_open_v2(path_.c_str(), &opened, flags, queue_directory.sqlite_vfs());
  db_.reset(opened);
  if (code != SQLITE_OK) fail(code);
  sqlite3_busy_timeout(opened, kBusyWaitMs);
  execute("PRAGMA synchronous = FULL");
  Statement mode_set = prepare("PRAGMA journal_mode = TRUNCATE");
  if (!mode_set.step() || mode_set.text(0) != "truncate") {
    throw Error(ErrorCode::kConfiguration, "open the import identities", path_,
                "SQLite refuses journal_mode = TRUNCATE");
  }
  mode_set.reset();
  Transaction transaction(*this);
  Statement version = prepare("PRAGMA user_version");
  const std::int64_t found = version.step() ? version.integer(0) : 0;
  version.reset();
  if (found >= 0 && found < kSchemaVersion) {
    if (found == 0) execute(kSchema);
    if (found <= 1) execute(kAppendSchema);
    execute(kRecordsSchema);
  } else if (found != kSchemaVersion) {
    throw Error(ErrorCode::kConfiguration, "open the import identities", path_,
                "its version is " + std::to_string(found) + ", this program knows " +
                    std::to_string(kSchemaVersion));
  }
  execute(kInodeIndex);
  transaction.commit();
}

void IdentityDatabase::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

void IdentityDatabase::fail(int code) const {
  const std::string why = db_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(db_.get());
  throw Error(code_of(code), "use the import identities", path_, why);
}

void IdentityDatabase::execute(const char* sql) {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

void IdentityDatabase::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

IdentityDatabase::Statement IdentityDatabase::prepare(std::string_view sql) {
  auto known = idle_.find(sql);
  if (known == idle_.end()) known = idle_.try_emplace(std::string(sql)).first;
  if (known->second) return {*this, known->second.release()};
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  if (code != SQLITE_OK) fail(code);
  return {*this, statement};
}

void IdentityDatabase::take_back(sqlite3_stmt* statement) noexcept {
  std::unique_ptr<sqlite3_stmt, Finalize> idle(statement);
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);  // what they point at may be gone
  const auto known = idle_.find(std::string_view(sqlite3_sql(statement)));
  if (known != idle_.end()) known->second = std::move(idle);
}

IdentityDatabase::Transaction::Transaction(IdentityDatabase& database) : database_(database) {
  database_.execute("BEGIN IMMEDIATE");
}

IdentityDatabase::Transaction::~Transaction() {
  // A failed rollback changes nothing: the next opener rolls back by the journal.
  if (open_) sqlite3_exec(database_.db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void IdentityDatabase::Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

IdentityDatabase::Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}

IdentityDatabase::Statement::~Statement() {
  if (statement_ != nullptr) database_.take_back(statement_);
}

// The only refusal of a bind is a number beyond the statement's, or no memory: the step tells.
IdentityDatabase::Statement& IdentityDatabase::Statement::bind(int at, std::int64_t value) {
  sqlite3_bind_int64(statement_, at, value);
  return *this;
}

IdentityDatabase::Statement& IdentityDatabase::Statement::bind(int at, std::uint64_t value) {
  return bind(at, static_cast<std::int64_t>(value));
}

IdentityDatabase::Statement& IdentityDatabase::Statement::bind(
    int at, const std::optional<std::uint64_t>& value) {
  if (value) return bind(at, *value);
  sqlite3_bind_null(statement_, at);
  return *this;
}

// File names are bytes, not necessarily text.
IdentityDatabase::Statement& IdentityDatabase::Statement::bind(int at, const std::string& text) {
  sqlite3_bind_blob64(statement_, at, text.data(), text.size(), SQLITE_STATIC);
  return *this;
}

IdentityDatabase::Statement& IdentityDatabase::Statement::bind(int at, const MessageId& id) {
  sqlite3_bind_blob64(statement_, at, id.bytes().data(), MessageId::kBytes, SQLITE_STATIC);
  return *this;
}

bool IdentityDatabase::Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  database_.fail(code);
}

void IdentityDatabase::Statement::run() {
  while (step()) {
  }
  reset();
}

void IdentityDatabase::Statement::reset() { sqlite3_reset(statement_); }

std::int64_t IdentityDatabase::Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::uint64_t IdentityDatabase::Statement::unsigned_integer(int column) const {
  return static_cast<std::uint64_t>(integer(column));
}

bool IdentityDatabase::Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::string IdentityDatabase::Statement::text(int column) const {
  const void* const bytes = sqlite3_column_blob(statement_, column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

MessageId IdentityDatabase::Statement::id(int column) const {
  const void* const blob = sqlite3_column_blob(statement_, column);
  std::array<std::uint8_t, MessageId::kBytes> bytes{};
  if (blob == nullptr || sqlite3_column_bytes(statement_, column) != int{MessageId::kBytes}) {
    throw Error(ErrorCode::kBadData, "use the import identities", database_.path_,
                "an id is not 16 bytes");
  }
  std::memcpy(bytes.data(), blob, bytes.size());
  return MessageId(bytes);
}

}  // namespace spoolmq::adapters

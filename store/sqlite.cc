#include "store/sqlite.h"

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "store/checked_vfs.h"

namespace spoolmq {
namespace {

// What the system refuses for want of something, or because the caller may not, says nothing about
// the file. (Of a page that does not verify, errno says nothing either.)
bool is_about_the_caller(int extended, int error_number) {
  const int code = extended & 0xff;
  if ((code != SQLITE_IOERR && code != SQLITE_CANTOPEN) || extended == SQLITE_IOERR_DATA) {
    return false;
  }
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOLCK:
    case EROFS:
    case EACCES:
    case EPERM:
      return true;
    default:
      return false;
  }
}

ErrorCode code_of(int extended, int error_number) {
  if (is_about_the_caller(extended, error_number)) {
    return Error::from_errno(error_number, "", "").code();
  }
  switch (extended & 0xff) {
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::kTryAgain;
    case SQLITE_PERM:
    case SQLITE_READONLY:
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

[[noreturn]] void fail(sqlite3* db, int code, std::string_view operation,
                       const std::string& subject) {
  const int extended = db != nullptr ? sqlite3_extended_errcode(db) : code;
  const char* why = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  throw SqliteError(extended != SQLITE_OK ? extended : code, operation, subject, why,
                    db != nullptr ? sqlite3_system_errno(db) : 0);
}

}  // namespace

SqliteError::SqliteError(int extended_code, std::string_view operation, std::string_view subject,
                         std::string_view why, int error_number)
    : Error(code_of(extended_code, error_number), operation, subject,
            is_about_the_caller(extended_code, error_number)
                ? std::generic_category().message(error_number)
                : std::string(why)),
      extended_code_(extended_code),
      system_errno_(error_number) {}

bool SqliteError::is_for_want_of_space() const {
  return (extended_code_ & 0xff) == SQLITE_FULL ||
         (code() == ErrorCode::kTryAgain && (system_errno_ == ENOSPC || system_errno_ == EDQUOT));
}

bool SqliteError::index_is_doubtful() const {
  const bool is_sync =
      extended_code_ == SQLITE_IOERR_FSYNC || extended_code_ == SQLITE_IOERR_DIR_FSYNC;
  if (!is_sync && is_about_the_caller(extended_code_, system_errno_)) return false;
  switch (extended_code_ & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:  // a table or column is missing: not our schema
    case SQLITE_CONSTRAINT:
    case SQLITE_CANTOPEN:
    case SQLITE_FORMAT:
    case SQLITE_MISMATCH:
      return true;
    case SQLITE_IOERR:
      return extended_code_ != SQLITE_IOERR_NOMEM;
    default:
      return false;
  }
}

Db::Db(const std::string& path, const char* vfs) : path_(path) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                    SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW;
  const int code = sqlite3_open_v2(path.c_str(), &db_, flags, vfs);
  if (code != SQLITE_OK) {
    sqlite3* const failed = std::exchange(db_, nullptr);
    const SqliteError error(code, "open the index", path, sqlite3_errstr(code),
                            failed != nullptr ? sqlite3_system_errno(failed) : 0);
    sqlite3_close_v2(failed);
    throw error;
  }
  // In the place of SQLite's own hook, which makes checkpoints.
  sqlite3_wal_hook(
      db_,
      [](void* frames, sqlite3*, const char*, int in_log) {
        *static_cast<int*>(frames) = in_log;
        return SQLITE_OK;
      },
      log_frames_.get());
}

Db::Db(Db&& other) noexcept
    : db_(std::exchange(other.db_, nullptr)),
      path_(std::move(other.path_)),
      log_frames_(std::move(other.log_frames_)) {}

Db& Db::operator=(Db&& other) noexcept {
  std::swap(db_, other.db_);
  std::swap(path_, other.path_);
  std::swap(log_frames_, other.log_frames_);
  return *this;
}

Db::~Db() { sqlite3_close_v2(db_); }

void Db::execute(const char* sql) {
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(db_, code, "use the index", path_);
}

Stmt Db::prepare(std::string_view sql) {
  Stmt statement = prepare_late(std::string(sql));
  statement.prepare();
  return statement;
}

Stmt Db::prepare_late(std::string sql) { return {db_, std::move(sql), &path_}; }

std::uint32_t Db::data_version() {
  std::uint32_t version = 0;
  const int code = sqlite3_file_control(db_, "main", SQLITE_FCNTL_DATA_VERSION, &version);
  if (code != SQLITE_OK) fail(db_, code, "ask for the version of the index", path_);
  return version;
}

bool Db::has_moved() {
  int moved = 0;
  const int code = sqlite3_file_control(db_, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return code == SQLITE_OK && moved != 0;
}

sqlite3_file* Db::log_file() {
  sqlite3_file* file = nullptr;
  if (sqlite3_file_control(db_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK) {
    return nullptr;
  }
  return file != nullptr && file->pMethods != nullptr ? file : nullptr;
}

void Db::write_ahead() {
  // SQLITE_BUSY: a statement that was not reset holds a page, which the commit will write.
  int code = sqlite3_db_cacheflush(db_);
  if (code == SQLITE_OK || code == SQLITE_BUSY) {
    sqlite3_file* const log = log_file();
    code = log != nullptr ? flush_gathered(log) : SQLITE_OK;
  }
  if (code != SQLITE_OK) fail(db_, code, "write the index's log", path_);
}

bool Db::checkpoint(int mode, int* log_frames, int* moved_frames) {
  int in_log = -1;
  int moved = -1;
  const int code = sqlite3_wal_checkpoint_v2(db_, "main", mode, &in_log, &moved);
  if (log_frames != nullptr) *log_frames = in_log;
  if (moved_frames != nullptr) *moved_frames = moved;
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return false;
  if (code != SQLITE_OK) fail(db_, code, "checkpoint the index", path_);
  return in_log == moved;
}

void Db::copy_to(Db& to) {
  sqlite3_backup* const copying = sqlite3_backup_init(to.db_, "main", db_, "main");
  if (copying == nullptr) fail(to.db_, SQLITE_ERROR, "copy the index", to.path_);
  const int code = sqlite3_backup_step(copying, -1);
  const int finished = sqlite3_backup_finish(copying);
  if (code != SQLITE_DONE) throw SqliteError(code, "copy the index", path_, sqlite3_errstr(code));
  if (finished != SQLITE_OK) fail(to.db_, finished, "copy the index", to.path_);
}

Stmt::Stmt(Stmt&& other) noexcept
    : db_(other.db_),
      stmt_(std::exchange(other.stmt_, nullptr)),
      sql_(std::move(other.sql_)),
      subject_(other.subject_) {}

Stmt& Stmt::operator=(Stmt&& other) noexcept {
  std::swap(db_, other.db_);
  std::swap(stmt_, other.stmt_);
  std::swap(sql_, other.sql_);
  std::swap(subject_, other.subject_);
  return *this;
}

Stmt::~Stmt() { sqlite3_finalize(stmt_); }

void Stmt::prepare() {
  if (stmt_ != nullptr) return;
  const int code = sqlite3_prepare_v3(db_, sql_.data(), static_cast<int>(sql_.size()),
                                      SQLITE_PREPARE_PERSISTENT, &stmt_, nullptr);
  if (code != SQLITE_OK) fail(db_, code, "use the index", *subject_);
}

sqlite3_stmt* Stmt::prepared() {
  if (stmt_ == nullptr) [[unlikely]]
    prepare();
  return stmt_;
}

Stmt& Stmt::bind(int at, std::int64_t value) {
  sqlite3_bind_int64(prepared(), at, value);
  return *this;
}

Stmt& Stmt::bind(int at, std::string_view text) {
  sqlite3_bind_text64(prepared(), at, text.data() != nullptr ? text.data() : "", text.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Stmt& Stmt::bind_blob(int at, std::string_view bytes) {
  sqlite3_bind_blob64(prepared(), at, bytes.data() != nullptr ? bytes.data() : "", bytes.size(),
                      SQLITE_STATIC);
  return *this;
}

Stmt& Stmt::bind(int at, const MessageId& id) {
  sqlite3_bind_blob(prepared(), at, id.bytes().data(), static_cast<int>(MessageId::kBytes),
                    SQLITE_STATIC);
  return *this;
}

Stmt& Stmt::bind_null(int at) {
  sqlite3_bind_null(prepared(), at);
  return *this;
}

Stmt& Stmt::bind_text_or_null(int at, std::string_view text) {
  return text.empty() ? bind_null(at) : bind(at, text);
}

Stmt& Stmt::bind_or_null(int at, std::int64_t value) {
  return value == 0 ? bind_null(at) : bind(at, value);
}

bool Stmt::step() {
  const int code = sqlite3_step(prepared());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* const db = sqlite3_db_handle(stmt_);
  const SqliteError error(sqlite3_extended_errcode(db), "use the index", *subject_,
                          sqlite3_errmsg(db), sqlite3_system_errno(db));
  sqlite3_reset(stmt_);
  throw error;
}

void Stmt::run() {
  while (step()) {
  }
  reset();
}

void Stmt::reset() {
  if (stmt_ != nullptr) sqlite3_reset(stmt_);
}

std::int64_t Stmt::integer(int column) const { return sqlite3_column_int64(stmt_, column); }

std::string Stmt::text(int column) const {
  const unsigned char* bytes = sqlite3_column_text(stmt_, column);
  if (bytes == nullptr) return {};
  return std::string(static_cast<const char*>(static_cast<const void*>(bytes)),
                     static_cast<std::size_t>(sqlite3_column_bytes(stmt_, column)));
}

MessageId Stmt::id(int column) const {
  std::array<std::uint8_t, MessageId::kBytes> bytes{};
  const void* blob = sqlite3_column_blob(stmt_, column);
  if (blob != nullptr && sqlite3_column_bytes(stmt_, column) == static_cast<int>(bytes.size())) {
    std::memcpy(bytes.data(), blob, bytes.size());
  }
  return MessageId(bytes);
}

bool Stmt::is_null(int column) const { return sqlite3_column_type(stmt_, column) == SQLITE_NULL; }

}  // namespace spoolmq

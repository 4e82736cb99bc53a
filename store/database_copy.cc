#include "store/database_copy.h"

#include "core/checksum.h"
#include "core/names.h"
#include "store/checked_vfs.h"
#include "store/index.h"

namespace spoolmq {
namespace {

constexpr int kBusyWaitMs = 10'000;
// The copy is nobody's until it is whole: no journal. Its sync stays.
constexpr char kCopyPragmas[] = "PRAGMA journal_mode=OFF; PRAGMA synchronous=FULL;";

std::string path_of(const Dir& dir, std::string_view name) {
  return dir.path() + "/" + std::string(name);
}

Db open_index(Dir& dir, std::uint64_t generation) {
  Db db(path_of(dir, names::index_file(generation)), checked_vfs(dir.sqlite_vfs()));
  leave_room_for_checksums(db.raw());
  sqlite3_busy_timeout(db.raw(), kBusyWaitMs);
  return db;
}

Db open_imports(Dir& dir) {
  Db db(path_of(dir, names::kImports), dir.sqlite_vfs());
  sqlite3_busy_timeout(db.raw(), kBusyWaitMs);
  return db;
}

std::string first_complaint(Db& db) {
  Stmt check = db.prepare("PRAGMA integrity_check(1)");
  const std::string line = check.step() ? check.text(0) : "it says nothing";
  return line == "ok" ? "" : line;
}

}  // namespace

void copy_index(Db& from, Dir& to, std::uint64_t generation) {
  Db copy = open_index(to, generation);
  copy.execute("PRAGMA page_size=4096;");
  copy.execute(kCopyPragmas);
  from.copy_to(copy);
}

void copy_index(Dir& from, Dir& to, std::uint64_t generation) {
  Db original = open_index(from, generation);
  copy_index(original, to, generation);
}

void copy_imports(Dir& from, Dir& to) {
  Db original = open_imports(from);
  Db copy = open_imports(to);
  copy.execute(kCopyPragmas);
  original.copy_to(copy);
}

IndexDigest digest_index(Dir& dir, std::uint64_t generation) {
  IndexDigest digest;
  try {
    Db db = open_index(dir, generation);
    db.execute("PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL;");
    digest.damage = first_complaint(db);
    if (!digest.damage.empty()) return digest;
    ChecksumStream ids;
    Stmt rows = db.prepare("SELECT id FROM m WHERE state<?1 ORDER BY id");
    rows.bind(1, static_cast<std::int64_t>(RowState::kAcked));
    while (rows.step()) {
      ++digest.messages;
      const MessageId id = rows.id(0);
      ids.add(std::as_bytes(std::span(id.bytes())));
    }
    digest.ids = ids.value();
  } catch (const SqliteError& error) {
    if (!error.index_is_doubtful()) throw;
    digest.damage = error.why();
  }
  return digest;
}

bool imports_are_whole(Dir& dir) {
  try {
    Db db = open_imports(dir);
    return first_complaint(db).empty();
  } catch (const SqliteError& error) {
    if (!error.index_is_doubtful()) throw;
    return false;
  }
}

}  // namespace spoolmq

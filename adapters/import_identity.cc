#include "adapters/import_identity.h"

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr const char* kColumns =
    "SELECT id, state, device, inode, size, mtime_ns, ctime_ns, name,"
    " content, records FROM imports ";

KnownImport read_row(const IdentityDatabase::Statement& row) {
  KnownImport known;
  known.id = row.id(0);
  const std::int64_t state = row.integer(1);
  if (state < 0 || state > std::int64_t{static_cast<std::uint8_t>(ImportState::kKept)}) {
    throw Error(ErrorCode::kIo, "use the import identities", known.id.text(),
                "its row is damaged: it has no state there is");
  }
  known.state = static_cast<ImportState>(state);
  known.file = {row.unsigned_integer(2), row.unsigned_integer(3), row.unsigned_integer(4),
                row.integer(5), row.integer(6)};
  known.name = row.text(7);
  known.records = row.unsigned_integer(9);
  return known;
}

bool speaks_of(const KnownImport& known, const IdentityDatabase::Statement& row,
               const FileIdentity& file, const std::optional<std::uint64_t>& content) {
  constexpr int kContent = 8;
  if (known.file == file) return true;
  if (known.file.device != file.device) {
    const bool differs =
        content && !row.is_null(kContent) && row.unsigned_integer(kContent) != *content;
    return known.file.same_but_for_device(file) && !differs;
  }
  if (!known.file.same_content_as(file)) return false;
  if (known.state == ImportState::kDone) return false;
  return row.is_null(kContent) || (content && row.unsigned_integer(kContent) == *content);
}

}  // namespace

bool FileIdentity::same_content_as(const FileIdentity& other) const {
  return device == other.device && inode == other.inode && size == other.size &&
         mtime_ns == other.mtime_ns;
}

FileIdentity identity_of(const FileStatus& status) {
  return {status.device, status.inode, status.size, status.mtime_ns, status.ctime_ns};
}

bool FileIdentity::same_but_for_device(const FileIdentity& other) const {
  FileIdentity here = *this;
  here.device = other.device;
  return here == other;
}

ImportIdentity::ImportIdentity(IdentityDatabase& database) : database_(database) {}

std::optional<KnownImport> ImportIdentity::find(const FileIdentity& file,
                                                const std::optional<std::uint64_t>& content) {
  auto row = database_.prepare(std::string(kColumns) + "WHERE inode = ?");
  row.bind(1, file.inode);
  std::optional<KnownImport> renumbered;
  while (row.step()) {
    KnownImport known = read_row(row);
    if (!speaks_of(known, row, file, content)) continue;
    if (known.file.device == file.device) return known;
    renumbered = std::move(known);
  }
  return renumbered;
}

std::optional<KnownImport> ImportIdentity::find(const MessageId& id) {
  auto row = database_.prepare(std::string(kColumns) + "WHERE id = ?");
  row.bind(1, id);
  if (!row.step()) return std::nullopt;
  return read_row(row);
}

std::unordered_set<std::uint64_t> ImportIdentity::inodes() {
  std::unordered_set<std::uint64_t> found;
  auto row = database_.prepare("SELECT inode FROM imports");
  while (row.step()) found.insert(row.unsigned_integer(0));
  return found;
}

void ImportIdentity::take(const DirectoryIdentity& directory, const Step& step,
                          std::int64_t now_ms) {
  if (step.forgotten.empty() && step.done.empty() && step.claims.empty()) return;
  IdentityDatabase::Transaction transaction(database_);
  remove_rows(step.forgotten);
  set_done(step.done, step.done_as);
  insert_claims(directory, step.claims, now_ms);
  transaction.commit();
}

void ImportIdentity::insert_claims(const DirectoryIdentity& directory,
                                   std::span<ImportClaim> claims, std::int64_t now_ms) {
  if (claims.empty()) return;
  auto insert = database_.prepare(
      "INSERT INTO imports(id, state, directory_device, directory_inode, name, device, inode, size,"
      " mtime_ns, ctime_ns, content, claimed_at_ms) VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  auto refresh = database_.prepare(
      "UPDATE imports SET ctime_ns = ?, name = ?, device = ?, directory_device = ?"
      " WHERE id = ?");
  for (ImportClaim& claim : claims) {
    if (const auto known = find(claim.file, claim.content)) {
      claim.id = known->id;
      claim.state = known->state;
      claim.records = known->records;
      // So that the next look needs no content to know it.
      if (known->file != claim.file || known->name != claim.name) {
        refresh.bind(1, claim.file.ctime_ns).bind(2, claim.name).bind(3, claim.file.device);
        refresh.bind(4, directory.device).bind(5, claim.id).run();
      }
      continue;
    }
    claim.state = ImportState::kIntent;
    claim.is_new = true;
    insert.bind(1, claim.id).bind(2, directory.device).bind(3, directory.inode);
    insert.bind(4, claim.name).bind(5, claim.file.device).bind(6, claim.file.inode);
    insert.bind(7, claim.file.size).bind(8, claim.file.mtime_ns).bind(9, claim.file.ctime_ns);
    insert.bind(10, claim.content).bind(11, now_ms).run();
  }
}

void ImportIdentity::set_done(std::span<const Sent> done, ImportState state) {
  if (done.empty()) return;
  auto update = database_.prepare("UPDATE imports SET state = ?, ctime_ns = ? WHERE id = ?");
  const std::int64_t as = static_cast<std::uint8_t>(state);
  for (const Sent& one : done) update.bind(1, as).bind(2, one.ctime_ns).bind(3, one.id).run();
}

void ImportIdentity::note_records(const MessageId& id, std::uint64_t records) {
  IdentityDatabase::Transaction transaction(database_);
  database_.prepare("UPDATE imports SET records = ? WHERE id = ?")
      .bind(1, records)
      .bind(2, id)
      .run();
  transaction.commit();
}

void ImportIdentity::mark(std::span<const MessageId> ids, ImportState state) {
  if (ids.empty()) return;
  IdentityDatabase::Transaction transaction(database_);
  auto update = database_.prepare("UPDATE imports SET state = ? WHERE id = ?");
  for (const MessageId& id : ids) {
    update.bind(1, std::int64_t{static_cast<std::uint8_t>(state)}).bind(2, id).run();
  }
  transaction.commit();
}

void ImportIdentity::forget(std::span<const MessageId> ids) {
  if (ids.empty()) return;
  IdentityDatabase::Transaction transaction(database_);
  remove_rows(ids);
  transaction.commit();
}

void ImportIdentity::remove_rows(std::span<const MessageId> ids) {
  auto remove = database_.prepare("DELETE FROM imports WHERE id = ?");
  for (const MessageId& id : ids) remove.bind(1, id).run();
}

std::vector<KnownImport> ImportIdentity::done_and_absent(
    const DirectoryIdentity& directory, const std::unordered_set<std::uint64_t>& present) {
  std::vector<KnownImport> found;
  auto row = database_.prepare(std::string(kColumns) +
                               "WHERE directory_device = ? AND directory_inode = ? AND state = ?");
  row.bind(1, directory.device).bind(2, directory.inode);
  row.bind(3, std::int64_t{static_cast<std::uint8_t>(ImportState::kDone)});
  while (row.step()) {
    KnownImport known = read_row(row);
    if (!present.contains(known.file.inode)) found.push_back(std::move(known));
  }
  return found;
}

void ImportIdentity::forget_absent(const DirectoryIdentity& directory, std::int64_t before_ms,
                                   const std::unordered_set<std::uint64_t>& present) {
  std::vector<MessageId> absent;
  {
    auto row = database_.prepare(
        "SELECT id, inode FROM imports WHERE directory_device = ? AND directory_inode = ?"
        " AND claimed_at_ms < ?");
    row.bind(1, directory.device).bind(2, directory.inode).bind(3, before_ms);
    while (row.step()) {
      if (!present.contains(row.unsigned_integer(1))) absent.push_back(row.id(0));
    }
  }
  forget(absent);
}

}  // namespace spoolmq::adapters

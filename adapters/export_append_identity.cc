#include "adapters/export_append_identity.h"

namespace spoolmq::adapters {

AppendIdentity::AppendIdentity(IdentityDatabase& database, const DirectoryIdentity& directory)
    : database_(database), directory_(directory) {}

IdentityDatabase::Statement AppendIdentity::prepare(const char* sql) {
  auto statement = database_.prepare(sql);
  statement.bind(1, directory_.device).bind(2, directory_.inode);
  return statement;
}

// ---- Messages

std::optional<AppendRow> AppendIdentity::find(const MessageId& id) {
  auto row = prepare(
      "SELECT redrives, name, inode, start FROM appends"
      " WHERE directory_device = ? AND directory_inode = ? AND id = ?");
  row.bind(3, id);
  if (!row.step()) return std::nullopt;
  return AppendRow{id, row.integer(0), row.text(1), row.unsigned_integer(2),
                   row.unsigned_integer(3)};
}

std::vector<MessageId> AppendIdentity::ids() {
  auto row = prepare("SELECT id FROM appends WHERE directory_device = ? AND directory_inode = ?");
  std::vector<MessageId> found;
  while (row.step()) found.push_back(row.id(0));
  return found;
}

std::vector<std::uint64_t> AppendIdentity::groups(std::uint64_t inode, std::uint64_t from) {
  auto row = prepare(
      "SELECT DISTINCT start FROM appends WHERE directory_device = ? AND directory_inode = ?"
      " AND inode = ? AND start >= ? ORDER BY start");
  row.bind(3, inode).bind(4, from);
  std::vector<std::uint64_t> found;
  while (row.step()) found.push_back(row.unsigned_integer(0));
  return found;
}

std::vector<MessageId> AppendIdentity::group(std::uint64_t inode, std::uint64_t start) {
  auto row = prepare(
      "SELECT id FROM appends WHERE directory_device = ? AND directory_inode = ?"
      " AND inode = ? AND start = ? ORDER BY position");
  row.bind(3, inode).bind(4, start);
  std::vector<MessageId> found;
  while (row.step()) found.push_back(row.id(0));
  return found;
}

void AppendIdentity::record(std::span<const AppendRow> group,
                            std::span<const MessageId> forgotten) {
  IdentityDatabase::Transaction transaction(database_);
  auto remove =
      prepare("DELETE FROM appends WHERE directory_device = ? AND directory_inode = ? AND id = ?");
  for (const MessageId& id : forgotten) remove.bind(3, id).run();
  auto insert = prepare(
      "INSERT OR REPLACE INTO appends(directory_device, directory_inode, id, redrives, name, inode,"
      " start, position) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  std::int64_t position = 0;
  for (const AppendRow& row : group) {
    insert.bind(3, row.id).bind(4, row.redrives).bind(5, row.name).bind(6, row.inode);
    insert.bind(7, row.start).bind(8, position++).run();
  }
  transaction.commit();
}

void AppendIdentity::forget(std::span<const MessageId> ids) {
  if (!ids.empty()) record({}, ids);
}

// ---- Files

std::optional<std::int64_t> AppendIdentity::since(const std::string& name, std::uint64_t inode) {
  auto row = prepare(
      "SELECT since_ms FROM append_files"
      " WHERE directory_device = ? AND directory_inode = ? AND name = ? AND inode = ?");
  row.bind(3, name).bind(4, inode);
  if (!row.step()) return std::nullopt;
  return row.integer(0);
}

void AppendIdentity::set_since(const std::string& name, std::uint64_t inode, std::int64_t wall_ms) {
  IdentityDatabase::Transaction transaction(database_);
  auto insert = prepare(
      "INSERT OR REPLACE INTO append_files(directory_device, directory_inode, name, inode,"
      " since_ms) VALUES (?, ?, ?, ?, ?)");
  insert.bind(3, name).bind(4, inode).bind(5, wall_ms).run();
  transaction.commit();
}

std::vector<AppendIdentity::KnownFile> AppendIdentity::known_files() {
  auto row = prepare(
      "SELECT name, inode FROM append_files WHERE directory_device = ? AND directory_inode = ?");
  std::vector<KnownFile> found;
  while (row.step()) found.push_back({row.text(0), row.unsigned_integer(1)});
  return found;
}

void AppendIdentity::forget_file(const std::string& name) {
  IdentityDatabase::Transaction transaction(database_);
  auto remove = prepare(
      "DELETE FROM append_files WHERE directory_device = ? AND directory_inode = ? AND name = ?");
  remove.bind(3, name).run();
  transaction.commit();
}

}  // namespace spoolmq::adapters

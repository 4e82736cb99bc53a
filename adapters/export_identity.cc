#include "adapters/export_identity.h"

#include "core/text.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kPrefix = ".spoolmq-";
constexpr std::string_view kSuffixes[] = {".tmp", ".sum.tmp", ".done.tmp"};  // by ExportPart
constexpr std::size_t kNonceDigits = 16;

}  // namespace

std::string export_temporary(const MessageId& id, std::uint64_t nonce, ExportPart part) {
  return std::string(kPrefix) + id.text() + "-" + hex16(nonce) +
         std::string(kSuffixes[static_cast<std::size_t>(part)]);
}

std::optional<MessageId> parse_export_temporary(std::string_view name) {
  constexpr std::size_t kNonceAt = kPrefix.size() + MessageId::kTextLength + 1;
  if (name.size() <= kNonceAt + kNonceDigits) return std::nullopt;
  const auto id = MessageId::parse(name.substr(kPrefix.size(), MessageId::kTextLength));
  const auto nonce = parse_hex16(name.substr(kNonceAt, kNonceDigits));
  if (!id || !nonce) return std::nullopt;
  for (const ExportPart part : kExportParts) {
    if (name == export_temporary(*id, *nonce, part)) return id;
  }
  return std::nullopt;
}

ExportIdentity::ExportIdentity(IdentityDatabase& database, const DirectoryIdentity& directory)
    : database_(database), directory_(directory) {}

std::optional<ExportRow> ExportIdentity::find(const MessageId& id) {
  auto row = database_.prepare(
      "SELECT nonce, redrives, name FROM exports"
      " WHERE directory_device = ? AND directory_inode = ? AND id = ?");
  row.bind(1, directory_.device).bind(2, directory_.inode).bind(3, id);
  if (!row.step()) return std::nullopt;
  return ExportRow{id, row.unsigned_integer(0), row.integer(1), row.text(2)};
}

std::vector<MessageId> ExportIdentity::ids() {
  auto row = database_.prepare(
      "SELECT id FROM exports WHERE directory_device = ? AND directory_inode = ?");
  row.bind(1, directory_.device).bind(2, directory_.inode);
  std::vector<MessageId> found;
  while (row.step()) found.push_back(row.id(0));
  return found;
}

void ExportIdentity::update(std::span<const ExportRow> recorded,
                            std::span<const MessageId> forgotten) {
  if (recorded.empty() && forgotten.empty()) return;
  IdentityDatabase::Transaction transaction(database_);
  auto remove = database_.prepare(
      "DELETE FROM exports WHERE directory_device = ? AND directory_inode = ? AND id = ?");
  for (const MessageId& id : forgotten) {
    remove.bind(1, directory_.device).bind(2, directory_.inode).bind(3, id).run();
  }
  auto insert = database_.prepare(
      "INSERT OR REPLACE INTO exports(directory_device, directory_inode, id, nonce, redrives,"
      " name) VALUES (?, ?, ?, ?, ?, ?)");
  for (const ExportRow& row : recorded) {
    insert.bind(1, directory_.device).bind(2, directory_.inode).bind(3, row.id);
    insert.bind(4, row.nonce).bind(5, row.redrives).bind(6, row.name).run();
  }
  transaction.commit();
}

}  // namespace spoolmq::adapters

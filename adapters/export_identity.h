#pragma once
// Which messages are about to appear in a directory, remembered from before their file gets its
// name until after they are acknowledged. A temporary's name is durable before its row, and only
// taking its final name ends it; so for a message that is delivered again
//   no row                  → it was not exported here
//   row, temporaries there  → complete, but not renamed yet: go on with the renames
//   row, no temporary       → it was exported, and may have been taken away since: acknowledge only
// A message has up to three files: itself, its checksum and its done file, each a temporary first.
// Not thread-safe; several processes may use the same imports.db.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/identity_database.h"
#include "spoolmq/id.h"

namespace spoolmq::adapters {

struct ExportRow {
  MessageId id;
  std::uint64_t nonce = 0;    // of the temporary: no two attempts write to the same one
  std::int64_t redrives = 0;  // of the message; requeued since, it is to be exported again
  std::string name;           // final
};

enum class ExportPart : std::uint8_t { kFile, kChecksum, kDone };
inline constexpr ExportPart kExportParts[] = {ExportPart::kFile, ExportPart::kChecksum,
                                              ExportPart::kDone};

// .spoolmq-<message id>-<nonce>.tmp, ….sum.tmp, ….done.tmp
std::string export_temporary(const MessageId& id, std::uint64_t nonce,
                             ExportPart part = ExportPart::kFile);
std::optional<MessageId> parse_export_temporary(std::string_view name);

class ExportIdentity {
 public:
  // Rows of other directories are neither seen nor touched.
  ExportIdentity(IdentityDatabase& database, const DirectoryIdentity& directory);

  std::optional<ExportRow> find(const MessageId& id);
  std::vector<MessageId> ids();
  // One transaction, durable on return: first `forgotten` go, then `recorded` come.
  void update(std::span<const ExportRow> recorded, std::span<const MessageId> forgotten);

 private:
  IdentityDatabase& database_;
  const DirectoryIdentity directory_;
};

}  // namespace spoolmq::adapters

#pragma once
// Which messages are about to stand at the end of which file, remembered from before their bytes
// are written until after they are acknowledged. A group is written under the file's lock, so who
// holds the lock and finds a group that is not its own knows that its writer is gone.
// Not thread-safe; several processes may use the same imports.db.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapters/identity_database.h"
#include "spoolmq/id.h"

namespace spoolmq::adapters {

struct AppendRow {
  MessageId id;
  std::int64_t redrives = 0;  // of the message; requeued since, it is to be exported again
  std::string name;           // of the file when the group was written
  std::uint64_t inode = 0;    // of that file: it may have been renamed
  std::uint64_t start = 0;    // of the group's first byte
};

class AppendIdentity {
 public:
  // Rows of other directories are neither seen nor touched.
  AppendIdentity(IdentityDatabase& database, const DirectoryIdentity& directory);

  std::optional<AppendRow> find(const MessageId& id);
  std::vector<MessageId> ids();
  // Where the groups of a file start, from `from` on, in order; and the messages of one, in order.
  std::vector<std::uint64_t> groups(std::uint64_t inode, std::uint64_t from);
  std::vector<MessageId> group(std::uint64_t inode, std::uint64_t start);
  // Each is one transaction, durable on return.
  void record(std::span<const AppendRow> group, std::span<const MessageId> forgotten);
  void forget(std::span<const MessageId> ids);

  // When the first byte of a file was written, wall clock; nullopt: not known, or another file.
  std::optional<std::int64_t> since(const std::string& name, std::uint64_t inode);
  void set_since(const std::string& name, std::uint64_t inode, std::int64_t wall_ms);
  struct KnownFile {
    std::string name;
    std::uint64_t inode = 0;
  };
  std::vector<KnownFile> known_files();
  void forget_file(const std::string& name);

 private:
  IdentityDatabase::Statement prepare(const char* sql);  // its first two parameters bound

  IdentityDatabase& database_;
  const DirectoryIdentity directory_;
};

}  // namespace spoolmq::adapters

#pragma once
// Which files of watched directories were imported, and under which message ids. A file goes
// through three steps, each durable before the next begins:
//   claim: intent {identity of the file, new message id} → send with that id → done → file removed
// so that after any cut the same file meets the same id again, and the queue drops the repetition.
// A file that stays in its directory (`--keep`) is `kept` instead of done; its row stays with it.
// Not thread-safe; several processes may use the same imports.db.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "adapters/identity_database.h"
#include "spoolmq/id.h"

namespace spoolmq::adapters {

// What makes a file this file and this version of it.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  bool operator==(const FileIdentity&) const = default;
  // The same but for the time of change of its inode: renaming or linking it moves that one.
  [[nodiscard]] bool same_content_as(const FileIdentity& other) const;
  // The same but for the number of its device, which another boot, or a disk that was plugged in
  // again, may have changed.
  [[nodiscard]] bool same_but_for_device(const FileIdentity& other) const;
};
FileIdentity identity_of(const FileStatus& status);

enum class ImportState : std::uint8_t {
  kIntent = 0,  // the id is the file's; whether it was sent is not known
  kDone = 1,    // the message is durable in the queue; the file may go
  kKept = 2,    // the message is durable in the queue; the file stays
};

struct KnownImport {
  MessageId id;
  ImportState state = ImportState::kIntent;
  FileIdentity file;
  std::string name;  // when it was claimed
  std::uint64_t records = 0;
};

struct ImportClaim {
  FileIdentity file;
  std::string name;
  std::optional<std::uint64_t> content;      // XXH3-64 of all bytes; none for large files
  MessageId id;                              // in: for a new row; out: the row's
  ImportState state = ImportState::kIntent;  // out
  std::uint64_t records = 0;                 // out: of a split file, those that were sent
  bool is_new = false;                       // out: the row was made for this claim
};

class ImportIdentity {
 public:
  explicit ImportIdentity(IdentityDatabase& database);

  // Where only the time of change differs, it depends on the row. An intent or kept one matches if
  // its content is equal, or if it has none (a large file: taking its bytes into the queue by a
  // link changes that time). A done one does not, for the file it speaks of may be gone and another
  // have its inode; hence `changed`. Where only the device differs, the row matches, unless the
  // content is known to be another; one of the device itself comes first.
  std::optional<KnownImport> find(const FileIdentity& file,
                                  const std::optional<std::uint64_t>& content);
  std::optional<KnownImport> find(const MessageId& id);

  // Of every file that a row speaks of, on any device: where it is not among them, find() need not
  // be asked.
  std::unordered_set<std::uint64_t> inodes();

  struct Sent {
    MessageId id;
    std::int64_t ctime_ns = 0;  // of its file, now
  };
  // What one transaction does, in this order; durable on return.
  struct Step {
    std::span<const MessageId> forgotten;  // their files are durably gone: the rows go
    std::span<const Sent> done;            // their messages are durable
    ImportState done_as = ImportState::kDone;
    std::span<ImportClaim> claims;  // each gets its row, old or new
  };
  void take(const DirectoryIdentity& directory, const Step& step, std::int64_t now_ms);
  // One transaction each, durable on return.
  void note_records(const MessageId& id, std::uint64_t records);  // of a split file: sent for good
  void mark(std::span<const MessageId> ids, ImportState state);
  void forget(std::span<const MessageId> ids);

  // Deletes the directory's rows claimed before `before_ms` whose inode is not in `present`:
  // left behind where a file was removed by hand, or by a pass that was cut short.
  void forget_absent(const DirectoryIdentity& directory, std::int64_t before_ms,
                     const std::unordered_set<std::uint64_t>& present);
  // The directory's done rows whose inode is not in `present`.
  std::vector<KnownImport> done_and_absent(const DirectoryIdentity& directory,
                                           const std::unordered_set<std::uint64_t>& present);

 private:
  // Within a transaction.
  void remove_rows(std::span<const MessageId> ids);
  void set_done(std::span<const Sent> done, ImportState state);
  void insert_claims(const DirectoryIdentity& directory, std::span<ImportClaim> claims,
                     std::int64_t now_ms);

  IdentityDatabase& database_;
};

}  // namespace spoolmq::adapters

#pragma once
// The middle of an import: files that are ready go in, and three steps later each is a durable
// message and gone. The steps of neighbouring batches share their syncs:
//   one sync of the directories         the last batch's files are durably gone
//   one transaction of imports.db       their rows go; what was sent is done; new files get ids
//   what is done leaves the directory
//   new files are read, sent and synced
// so a batch costs one transaction, one sync of the queue and one of each directory. After a cut
// anywhere the same file meets the same id again, and the queue drops the repetition.
// After a throw the object is not to be used again: what is on disk tells the next one.
// Not thread-safe.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "adapters/import.h"
#include "adapters/import_identity.h"
#include "adapters/import_refusals.h"
#include "adapters/import_send.h"
#include "adapters/import_settings.h"
#include "adapters/source_removal.h"
#include "adapters/source_tree.h"
#include "core/clock.h"
#include "core/id_source.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// What the parts of one import share.
struct ImportParts {
  Queue& queue;
  SourceTree& source;
  ImportIdentity& identity;
  SideDirectory* done;    // of AfterImport::kMoveToDone
  SideDirectory* errors;  // null: what is refused stays
  const Clock& clock;
  const ImportSettings& settings;
};

class ImportBatch {
 public:
  // Inodes that get a row are added to `rows`.
  ImportBatch(const ImportParts& parts, const ImportReactions& reactions, ImportReport& report,
              std::unordered_set<std::uint64_t>& rows);

  // The file was found ready; `status` is the open file's. It is read at once if it is small.
  void add(const std::string& path, std::unique_ptr<File> file, const FileStatus& status);
  // Imported before, still there.
  void add_known(KnownImport known, const std::string& path);
  // A departing name in that directory, left by a pass that was cut short.
  void resume(std::string_view directory, const MessageId& id);
  // Rows of files that left, though a pass that was cut short could not note it. `present`: every
  // inode that a look at the whole directory has met.
  void forget_departed(const std::unordered_set<std::uint64_t>& present);
  [[nodiscard]] bool is_full() const;
  // One round of the steps for what was added.
  void flush();
  // Everything that was added is through all steps.
  void finish();
  // Files that were refused and stay, for want of an errors directory; once.
  std::vector<FileIdentity> take_refused() { return std::exchange(refused_, {}); }
  // Files that changed while they were read, or are on their way under another name; once.
  std::vector<std::string> take_unsettled() { return std::exchange(unsettled_, {}); }
  // Files whose bytes could not be read; once.
  std::vector<std::string> take_unreadable() { return std::exchange(unreadable_, {}); }

 private:
  struct Sent {
    MessageId id;
    FileIdentity file;
    std::string path;
    bool is_told = false;  // counted as imported
  };
  [[nodiscard]] bool is_still_there(const ImportClaim& claim);
  void drop_vanished();
  void send();
  void send_as_records(ImportEntry& entry);
  // `first`: of the messages that it has become; none, if it held no records.
  void settle(ImportEntry& entry, const std::optional<MessageId>& first);
  void tell(const std::optional<MessageId>& first, const FileIdentity& file,
            const std::string& path);
  void refuse(ImportEntry& entry);
  void depart(const Sent& one);
  void note(Departure departure, const MessageId& id);
  [[nodiscard]] bool has_left(const KnownImport& known);

  const ImportParts parts_;
  const ImportReactions& reactions_;
  ImportReport& report_;
  std::unordered_set<std::uint64_t>& rows_;
  const DirectoryIdentity directory_;
  const std::string source_text_;
  const std::uint64_t inline_bytes_;
  IdSource ids_;
  ImportRefusals refusals_;
  SourceRemoval removal_;

  std::vector<ImportEntry> entries_;  // to be claimed and sent
  std::uint64_t entries_bytes_ = 0;
  std::unordered_set<std::uint64_t> entries_inodes_;
  std::vector<Sent> sent_;           // durable, not marked yet
  std::vector<Sent> departing_;      // known to be durable from their rows
  std::vector<MessageId> departed_;  // files gone or never sent: their rows may go
  std::vector<FileIdentity> refused_;
  std::vector<std::string> unsettled_;
  std::vector<std::string> unreadable_;
  std::unordered_set<MessageId> stuck_;  // could not leave; logged once
  std::unordered_set<MessageId> told_;  // counted as imported, and could not leave
};

}  // namespace spoolmq::adapters

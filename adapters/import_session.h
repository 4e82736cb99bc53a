#pragma once
// One import at work, in turns (adapter.h; import_look.cc looks, import_take.cc takes,
// import_explain.cc tells): looks at the directory when something hints at a change
// and when a whole look is asked for; files that are ready go through an ImportBatch, the others
// are looked at again when they may be. Everything it knows can be lost at any moment: imports.db
// and the directory tell the next one.
// What a turn throws ends the batch; the next turn looks at everything anew.
// Not thread-safe.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/import_batch.h"
#include "adapters/look_again.h"
#include "adapters/source_scan.h"
#include "watcher/directory_watcher.h"
#include "watcher/readiness.h"

namespace spoolmq::adapters {

class ImportSession {
 public:
  ImportSession(const ImportParts& parts, ImportReactions reactions);

  Adapter::Turn turn();
  void hint(const watcher::Hint& hint);
  [[nodiscard]] const ImportReport& report() const { return report_; }
  // What keeps this file where it is, most blocking first; the last says "ready" if nothing does.
  std::vector<FileReason> explain(const std::string& path);

 private:
  struct Candidate {
    std::int64_t mtime_ns = 0;
    std::string path;
  };
  // A file that was closed and renamed before we could look at it under its first name.
  class ClosedThenRenamed {
   public:
    void closed(const std::string& gone);
    void modified(const std::string& name) { names_.erase(name); }
    void renamed_from(const std::string& name, std::uint32_t rename);
    bool take(std::uint32_t rename) { return renames_.erase(rename) > 0; }

   private:
    std::unordered_set<std::string> names_;
    std::unordered_set<std::uint32_t> renames_;
  };
  struct IdentityHash {
    std::size_t operator()(const FileIdentity& file) const noexcept;
  };

  [[nodiscard]] bool is_aside(std::string_view path) const;
  bool may_look();
  void begin_scan();
  void scan_some();
  void end_scan();
  void see(const std::string& path, const FileStatus& status);
  void see_again();
  bool done_file_is_there(const std::string& path);
  void wait_for(const std::string& path, const watcher::Verdict& verdict, bool first_look);
  void sort_candidates(std::size_t sorted);
  std::uint64_t room();
  void import_some(std::uint64_t most);
  void take_leftovers();
  void try_file(const std::string& path);
  watcher::Verdict look_at_open(const std::string& path, File& file, const FileStatus& status);
  void count_waiting();
  [[nodiscard]] Adapter::Turn next_turn(bool more);
  [[nodiscard]] std::int64_t age_ms(const FileStatus& status) const;
  std::optional<FileStatus> status_of(const std::string& path);
  std::unique_ptr<File> open(const std::string& path);

  const ImportParts parts_;
  const ImportReactions reactions_;
  const std::vector<std::string> aside_;  // "done/": what lies below is not looked at
  ImportReport report_;
  watcher::Readiness readiness_;
  std::unordered_set<std::uint64_t> rows_;  // inodes that may have one, since the last scan began
  std::optional<ImportBatch> batch_;

  ClosedThenRenamed closed_then_renamed_;
  bool look_at_all_ = true;
  std::int64_t last_look_boot_ms_ = INT64_MIN / 2;
  std::unique_ptr<SourceScan> scan_;                               // while one is under way
  std::unordered_set<std::uint64_t> present_;                      // inodes that it met
  std::vector<std::pair<std::string, MessageId>> left_departing_;  // directory, id
  std::vector<Candidate> candidates_;  // ready by what is seen from outside
  std::size_t next_candidate_ = 0;
  LookAgain waiting_;                            // for a time
  std::unordered_set<std::string> second_look_;  // of those: have had one look so far
  std::unordered_set<std::string> blocked_;      // until something changes
  std::unordered_set<std::string> unreadable_;
  std::unordered_set<FileIdentity, IdentityHash> refused_;  // and stays for want of a place
  std::unordered_set<FileIdentity, IdentityHash> settled_;  // known to imports.db, and to stay
  std::optional<std::string> held_;                         // why the queue takes no more
  std::int64_t held_until_boot_ms_ = 0;
};

}  // namespace spoolmq::adapters

#pragma once
// All messages go to the end of one file whose name is a template of dates, those of the moment of
// writing. Of a round, under the file's lock:
//   groups that a writer left unfinished are settled → rows (export_append_identity.h)
//   → bytes → file synced → directory synced
// A group that a cut left is compared with its messages, which are still in the queue:
//   all of it is there             → they are only acknowledged
//   torn, and nothing behind it    → it is cut off and written again
//   the file is gone, or was changed by somebody else → written again; nothing is removed
// Whoever reads under a lock of its own sees whole groups. One export per file.
// Throws Error. Not thread-safe.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "adapters/export_append_content.h"
#include "adapters/export_append_file.h"
#include "adapters/export_append_identity.h"
#include "adapters/export_pass.h"
#include "adapters/export_settings.h"
#include "adapters/export_writer.h"

namespace spoolmq::adapters {

class AppendWriter final : public ExportWriter {
 public:
  AppendWriter(const ExportPlace& place, const ExportSettings& settings);

  bool write(std::span<ExportItem> items, const KeepGoing& keep_going) override;
  void settled(std::span<const MessageId> ids) override;
  void idle(const KeepGoing& keep_going) override;  // puts a file aside that is old enough

 private:
  void remove_leftovers();
  bool open(const KeepGoing& keep_going);
  // ---- What a cut left
  void settle_file();
  enum class Known : std::uint8_t { kAll, kGone, kDamaged };  // kGone: acknowledged meanwhile
  Known compare(std::span<const MessageId> ids, AppendComparison& comparison);
  bool settle_group(File& file, std::uint64_t inode, std::uint64_t start);
  bool was_written(const AppendRow& row);
  // ---- New groups
  bool append(std::span<ExportItem> items, const KeepGoing& keep_going);
  bool append_group(std::span<ExportItem* const> group, const KeepGoing& keep_going);
  void cut_back(std::span<ExportItem* const> group, std::uint64_t start);
  [[nodiscard]] bool is_room_for(std::uint64_t size, std::uint64_t more) const;
  [[nodiscard]] bool is_old();
  bool put_aside(const KeepGoing& keep_going);

  Queue& queue_;
  Dir& target_;
  const Clock& clock_;
  const ExportSettings& settings_;
  AppendIdentity identity_;
  AppendFile file_;
  std::uint64_t settled_inode_ = 0;  // the groups of this file are known to be whole up to …
  std::uint64_t settled_end_ = 0;
  std::int64_t looked_boot_ms_ = 0;  // at the age of an idle file
  std::vector<MessageId> acked_;     // their rows may go
};

}  // namespace spoolmq::adapters

#pragma once
// Every message becomes a file of its own. Of a round:
//   temporaries written and synced → directory synced → rows (export_identity.h)
//   → checksums get their names → synced → files → synced → done files → synced
// Cut off anywhere, the next pass goes on where it stopped: what still has a temporary has not
// appeared yet.
// Throws Error. Not thread-safe.

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/export_identity.h"
#include "adapters/export_parts.h"
#include "adapters/export_pass.h"
#include "adapters/export_settings.h"
#include "adapters/export_writer.h"

namespace spoolmq::adapters {

class FileWriter final : public ExportWriter {
 public:
  FileWriter(const ExportPlace& place, const ExportSettings& settings);

  bool write(std::span<ExportItem> items, const KeepGoing& keep_going) override;
  void settled(std::span<const MessageId> ids) override;
  void idle(const KeepGoing& keep_going) override;

 private:
  // A message on its way.
  struct Work {
    ExportItem* item;
    ExportRow row;
    bool is_recorded = false;  // the row is durable
    bool has_name = false;     // the file is no temporary any more
    [[nodiscard]] bool is_pending() const { return item->is_pending(); }
  };

  [[nodiscard]] bool is_in_queue(const MessageId& id);
  void remove_leftovers();
  void remove_left_behind_by_gone();
  void remove_left_behind(const ExportRow& row);
  // ---- Before the rows: false, told to end
  bool prepare_all(const KeepGoing& keep_going);
  bool prepare(Work& work, const KeepGoing& keep_going);
  void put_off(std::span<Work> works);
  bool go_on(Work& work);
  bool write_parts(Work& work, const KeepGoing& keep_going);
  void choose_name(Work& work);
  void choose_number(Work& work);
  void skip_or_write(Work& work);
  [[nodiscard]] bool is_taken(const std::string& file);
  [[nodiscard]] bool is_directory_in_the_way(const std::string& file);
  enum class Twin : std::uint8_t { kNone, kThere, kInThisRound };
  Twin find_twin(const std::string& file, const Work& work);
  void reserve(Work& work);
  void record();
  void drop_unrecorded();
  // ---- After them
  void place_all();
  void remove_old_done_files();
  void place_checksum(Work& work);
  void place_file(Work& work);
  void place_done(Work& work);
  void next_name(Work& work);
  void take_back(Work& work, ExportItem::Outcome outcome, std::string_view why);

  Queue& queue_;
  Dir& target_;
  const ExportSettings& settings_;
  ExportIdentity identity_;
  ExportParts parts_;
  std::vector<Work> work_;
  std::unordered_map<std::string, const Work*> names_;           // that this round is about to make
  std::unordered_map<std::string, std::uint64_t> next_numbers_;  // of names that were taken
  std::vector<MessageId> acked_;                                 // their rows may go
  // Temporaries that were there at the start, of messages that were in the queue.
  std::unordered_multimap<MessageId, std::string> left_behind_;
};

}  // namespace spoolmq::adapters

#pragma once
// The up to three files of one message: itself, NAME.sha256 and the done file. Each is complete and
// synced under a temporary name before it takes its own. The order in which they appear, each
// durable before the next, is the caller's work:
//   checksum → file → done
// so who finds NAME finds its checksum, and who finds the done file finds both.
// Throws Error. Not thread-safe.

#include <array>
#include <cstdint>
#include <string>

#include "adapters/export_access.h"
#include "adapters/export_identity.h"
#include "adapters/export_settings.h"
#include "adapters/export_writer.h"
#include "core/file_system.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

enum class Placed : std::uint8_t {
  kPlaced,
  kTaken,    // the name is; nothing was changed
  kMissing,  // there is no temporary: it has its name already, or was never asked for
};

class ExportParts {
 public:
  ExportParts(Dir& target, const ExportSettings& settings);

  [[nodiscard]] bool has_checksum() const { return !settings_.checksum.empty(); }
  [[nodiscard]] bool has_done() const { return !settings_.done_file.empty(); }
  // Of the parts that are asked for; others are empty.
  using Names = std::array<std::string, 3>;  // by ExportPart
  [[nodiscard]] Names names(const std::string& file) const;

  // Makes the temporaries. False: told to end. Error(kBadData): the body is damaged.
  bool write(const Delivery& delivery, const ExportRow& row, const KeepGoing& keep_going);
  [[nodiscard]] bool has_temporary(const ExportRow& row, ExportPart part);
  // The file has no name yet, and what belongs to it may be missing.
  void complete(const ExportRow& row);
  void remove(const ExportRow& row);  // the temporaries

  Placed place(const ExportRow& row, ExportPart part);
  // The opposite of placing the checksum, durable on return, where the file has no name yet.
  void take_back_checksum(const ExportRow& row);
  // Whether a file holds the bytes of this message; what it holds is durable then.
  [[nodiscard]] bool is_same(const std::string& file, const Delivery& delivery);

 private:
  [[nodiscard]] std::string checksum_line(const ExportRow& row);
  [[nodiscard]] bool holds(const std::string& name, const std::string& content);
  void write_checksum(const ExportRow& row, const std::string& line);
  void make_done(const ExportRow& row);
  std::unique_ptr<File> create(const ExportRow& row, ExportPart part);

  Dir& target_;
  const ExportSettings& settings_;
  const ExportAccess access_;
};

}  // namespace spoolmq::adapters

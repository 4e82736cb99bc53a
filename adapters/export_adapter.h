#pragma once
// The export as something that runs: each turn is one round of an ExportPass; where the queue is
// empty the next turn waits in it for up to a second. The target is opened anew by its path in each
// turn, so that a directory that was removed and made again is found.
//   turn() throws what the target refuses; the messages of that round are in the queue again.
// Not thread-safe, but for interrupt().

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "adapters/adapter.h"
#include "adapters/export_pass.h"
#include "adapters/export_settings.h"
#include "adapters/identity_database.h"
#include "core/file_system.h"

namespace spoolmq::adapters {

class ExportAdapter final : public Adapter {
 public:
  using OpenDir = std::function<std::unique_ptr<Dir>(const std::string& path)>;

  // Throws Error(kUsage) where the settings cannot be kept here: an unknown group.
  ExportAdapter(ExportSettings settings, AdapterPlace place, OpenDir open_dir = open_posix_dir);
  ~ExportAdapter() override;

  // The first idle turn returns at once; the ones after it wait before they say so again.
  Turn turn() override;
  void interrupt() override;
  // Of all turns so far; for the thread that calls turn().
  [[nodiscard]] const ExportReport& report() const { return report_; }

 private:
  void open();
  Turn round();
  void count(const ExportReport& before, bool moved);

  const ExportSettings settings_;
  const AdapterPlace place_;
  const OpenDir open_dir_;
  ExportReport report_;
  ExportReactions reactions_;
  std::optional<Queue> queue_;
  std::unique_ptr<Dir> target_;
  std::optional<IdentityDatabase> identities_;
  std::unique_ptr<ExportPass> pass_;
  DirectoryIdentity opened_;
  bool was_idle_ = false;
  std::atomic<bool> interrupted_{false};  // set by interrupt(), taken back by the turn that saw it
};

}  // namespace spoolmq::adapters

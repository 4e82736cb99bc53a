#pragma once
// The import as something that runs: opens the queue and the directories by their paths, again
// when another directory has taken the path, and gives turns to an ImportSession.
// Its counters and report are the session's; hints wait in a bounded box until the next turn.
// Not thread-safe, but for hint() and explain().

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/import.h"
#include "adapters/import_settings.h"
#include "watcher/directory_watcher.h"

namespace spoolmq::adapters {

class ImportAdapter final : public Adapter {
 public:
  // Opens nothing yet: what is missing is a refusal of turn(), which may be repeated.
  ImportAdapter(ImportSettings settings, AdapterPlace place);
  ~ImportAdapter() override;

  Turn turn() override;
  [[nodiscard]] std::vector<watcher::WatchOptions> watches() const override;
  void hint(std::size_t watch, const watcher::Hint& hint) override;
  void interrupt() override { interrupted_ = true; }
  // Waits for a turn under way to end, at most 2 s.
  std::optional<std::vector<FileReason>> explain(const std::string& absolute_path) override;

  // Since the start; for the thread that calls turn().
  [[nodiscard]] const ImportReport& report() const { return report_; }

 private:
  struct Opened;
  class Use;
  [[nodiscard]] std::optional<std::string> relative_to_source(const std::string& path) const;
  void open();
  void close();
  void take_hints();
  void count();
  void return_dead_letters(Turn& turn);

  const ImportSettings settings_;
  const AdapterPlace place_;
  // Whose turn it is with opened_: turn()'s or explain()'s. Not a timed mutex, which g++ 12's
  // thread sanitizer does not follow.
  std::mutex use_mutex_;  // guards in_use_
  std::condition_variable use_ended_;
  bool in_use_ = false;
  std::unique_ptr<Opened> opened_;
  ImportReport report_;
  std::size_t earlier_imported_ = 0;  // from directories that were at the path before
  std::size_t earlier_refused_ = 0;

  std::atomic<bool> interrupted_{false};  // taken back by the next turn

  std::mutex box_mutex_;  // guards what follows
  std::vector<watcher::Hint> box_;
  bool box_overflowed_ = false;
};

}  // namespace spoolmq::adapters

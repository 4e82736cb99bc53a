#pragma once
// A queue and the directories around it on the in-memory twin, as one process sees them; restart()
// is what the next process finds after a cut.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters/export_pass.h"
#include "adapters/import_session.h"
#include "core/clock.h"
#include "core/file_system.h"
#include "spoolmq/queue.h"
#include "tests/support/memory_file_system.h"

namespace spoolmq::adapters::test {

// Runs ahead of the times that the twin gives its files, so that they are old enough to be taken.
class LateClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override {
    return system_.wall_ms() + ahead_ms + stepped_ms_;
  }
  [[nodiscard]] std::int64_t boot_ms() const override { return system_.boot_ms() + ahead_ms; }
  [[nodiscard]] std::string boot_id() const override {
    return "00000000-0000-4000-8000-" + std::to_string(100'000'000'000 + boot);
  }
  void step_wall(std::chrono::milliseconds by) { stepped_ms_ += by.count(); }
  int boot = 1;                                 // a power cut ends it
  std::atomic<std::int64_t> ahead_ms = 60'000;  // a test sets it while an adapter runs

 private:
  SystemClock system_;
  std::atomic<std::int64_t> stepped_ms_ = 0;
};

enum class Cut : std::uint8_t { kPowerNamesLost, kPowerNamesKept, kKill };
inline constexpr Cut kCuts[] = {Cut::kPowerNamesLost, Cut::kPowerNamesKept, Cut::kKill};

class DirectoryWorld {
 public:
  // Makes in/, out/, done/, errors/ and the queue q; all durable.
  explicit DirectoryWorld(const Settings& settings = {});

  spoolmq::test::MemoryFileSystem& disk() { return *disk_; }
  LateClock& clock() { return *clock_; }
  [[nodiscard]] std::shared_ptr<Clock> shared_clock() const { return clock_; }
  std::unique_ptr<Dir> dir(const std::string& name) { return disk_->root()->open_dir(name); }
  // Durable, contents and name.
  void put(const std::string& directory, const std::string& name, const std::string& content);
  std::map<std::string, std::string> files(const std::string& directory);
  // Removes the files that a program which knows nothing of us would take: not the hidden ones.
  std::multiset<std::string> take(const std::string& directory);

  Queue& queue();  // opened on first use
  // Turns until nothing is left to do; the clock goes to where a turn says the next is due. Unless
  // the settings say otherwise, a single look is enough.
  ImportReport import(ImportSettings settings = at_first_look(),
                      const ImportReactions& reactions = {});
  static ImportSettings at_first_look();
  std::int64_t import_rows();  // that imports.db holds
  ExportReport export_to_out(const ExportSettings& settings = {},
                             const ExportReactions& reactions = {});
  // As a pass leaves it that was cut off before the rename of the next message's file.
  void leave_export_unfinished(const std::string& name, const std::string& content);
  std::multiset<std::string> drain();  // every body that is delivered, acknowledged

  // The next process, an hour later.
  void restart(Cut cut);
  void close() {
    queue_.reset();
    root_.reset();
  }

 private:
  IdentityDatabase identities();

  std::shared_ptr<LateClock> clock_ = std::make_shared<LateClock>();
  std::unique_ptr<spoolmq::test::MemoryFileSystem> disk_;
  std::optional<Root> root_;
  std::optional<Queue> queue_;
};

// Calls `attempt` on worlds made by `prepare`, cut at every operation in turn and in every way;
// then `check` on what the next process finds. Stops where an attempt ends before its cut.
template <typename Prepare, typename Attempt, typename Check>
void at_every_cut(const Prepare& prepare, const Attempt& attempt, const Check& check) {
  for (const Cut cut : kCuts) {
    for (std::uint64_t n = 1;; ++n) {
      const std::unique_ptr<DirectoryWorld> world = prepare();
      world->disk().cut_at(n);
      try {
        attempt(*world);
        world->disk().throw_if_cut();
      } catch (const spoolmq::test::PowerCut&) {
      } catch (const Error&) {
        if (!world->disk().is_cut()) throw;
      }
      const bool was_cut = world->disk().is_cut();
      world->restart(cut);
      check(*world, cut, n);
      if (!was_cut) break;
    }
  }
}

}  // namespace spoolmq::adapters::test

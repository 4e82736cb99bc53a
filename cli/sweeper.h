#pragma once
// What a queue needs from time to time and no command brings: leases that ran out or whose holder
// died go back, what is due moves, files of acknowledged messages go. One handle per queue of the
// root, none of which keeps anybody from removing it; a new queue is found within 2 s. A queue that
// fails is tried again after 250 ms, doubling to 10 s; the others are swept meanwhile. That is
// logged once when it begins and once when it is over.
//
// Threads: round() and run() belong to one thread; ask() and queues() may be called from any.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cli/prometheus.h"
#include "core/clock.h"
#include "spoolmq/queue.h"

namespace spoolmq::cli {

class Sweeper {
 public:
  static constexpr std::int64_t kEveryMs = 250;

  // `handles` is what each queue is opened with (the clock, in tests).
  Sweeper(Root& root, const Clock& clock, const OpenOptions& handles = {});
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;
  ~Sweeper();

  void round();
  void run(const std::stop_token& stop);  // a round every 250 ms; closes its queues at the end

  // The counts of every queue that is open here, given in the sweeping thread between two sweeps.
  using Take = std::function<void(const std::vector<NamedStats>& queues)>;
  [[nodiscard]] bool ask(Take take);         // false: too many wait already
  [[nodiscard]] std::size_t queues() const;  // any thread

 private:
  struct Swept {
    std::optional<Queue> queue;  // none: it is not open yet, or could not be opened
    std::int64_t due_boot_ms = 0;
    std::int64_t backoff_ms = 0;  // 0: it works
  };
  void look_for_queues();
  void sweep_old_mailboxes();
  void sweep(const std::string& name, Swept& swept);
  void failed(const std::string& name, Swept& swept, const std::string& why);
  void worked(const std::string& name, Swept& swept);
  void answer();
  std::vector<NamedStats> stats();
  static void close(const std::string& name, Swept& swept);

  Root& root_;
  const Clock& clock_;
  OpenOptions options_;
  std::map<std::string, Swept> swept_;
  std::int64_t look_boot_ms_ = 0;
  std::int64_t mailboxes_boot_ms_ = 0;  // when those of dead requesters are looked for again
  std::string list_failure_;            // why the root could not be listed; logged

  mutable std::mutex mutex_;  // guards the rest
  std::condition_variable_any asked_;
  std::vector<Take> takes_;
  std::size_t open_queues_ = 0;
};

}  // namespace spoolmq::cli

#pragma once
// The syncs of a process, as strace(1) sees them: when each began and ended. They tell whether a
// server had synced before it answered. What is traced is slow: it is never measured at once.
// Throws std::runtime_error.

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/bench/stomp_load.h"

namespace spoolmq::bench {

struct Sync {
  double began_s = 0;  // CLOCK_REALTIME
  double ended_s = 0;
};

class SyncTrace {
 public:
  // Attached to every thread of the process on return. Writes below `directory`.
  SyncTrace(pid_t process, std::string directory);
  SyncTrace(const SyncTrace&) = delete;
  SyncTrace& operator=(const SyncTrace&) = delete;
  ~SyncTrace();
  // Detached; what was seen, by beginning.
  std::vector<Sync> finish();
  // Whether it can be done here.
  static bool is_possible();

 private:
  void detach();
  std::string directory_;
  pid_t tracer_ = -1;
};

// The share of the frames for which a sync began after they were sent and had ended when their
// answer came.
double share_synced(const Answers& answers, const std::vector<Sync>& syncs);

}  // namespace spoolmq::bench

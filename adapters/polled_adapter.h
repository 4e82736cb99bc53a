#pragma once
// A bridge whose other side is descriptors: a turn does what can be done without waiting, then
// waits in one poll(2) for whatever comes first, again and again for up to a second. Nobody is ever
// waited for alone, so that a slow peer holds up no other. Not thread-safe, but for interrupt().

#include <poll.h>

#include <cstdint>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/bell.h"

namespace spoolmq::adapters {

class PolledAdapter : public Adapter {
 public:
  Turn turn() final;
  void interrupt() override { bell_.ring(); }

 protected:
  explicit PolledAdapter(const Clock& clock) : clock_(clock) {}

  struct Step {
    std::int64_t next_boot_ms = INT64_MAX;  // to be called again by then; 0: at once, there is more
    bool over = false;                      // Turn::over
    bool undecided = false;                 // Turn::undecided
  };
  // Does what can be done now, a bounded piece of it. Throws Error as a turn does.
  virtual Step step() = 0;
  // What the next step may have to do with: readable, writable, or hung up. Room for a peer's
  // descriptor is not asked for while nothing waits to be written to it.
  virtual void gather(std::vector<pollfd>& waited) = 0;

  [[nodiscard]] const Clock& clock() const { return clock_; }

 private:
  void wait(std::int64_t until_boot_ms);

  const Clock& clock_;
  Bell bell_;
  std::vector<pollfd> waited_;
  bool rung_ = false;
};

}  // namespace spoolmq::adapters

#pragma once
// The same work done by several processes at once, counted over a common stretch of time.

#include <functional>

namespace spoolmq::bench {

// What one process may do: get ready, then call `start()` once, which returns when all are ready,
// then work until `over()`; the number it returns is what it has done.
struct Stretch {
  std::function<void()> start;
  std::function<bool()> over;
  // How much of it is done so far, for others to go by; and what process `number` said last.
  std::function<void(double done)> tell;
  std::function<double(int number)> told_by;
};
using Work = std::function<double(int number, const Stretch&)>;

// Forks `processes` children and adds up what they did per second. The caller must have no queue
// open. Throws Error if a child failed.
double per_second_of(int processes, double seconds, const Work& work);

// In a child process, which then ends as if killed: nothing of it is closed. Likewise.
void in_killed_child(const std::function<void()>& work);

}  // namespace spoolmq::bench

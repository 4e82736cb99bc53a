#pragma once
// A thread that does one thing for its owner while the owner does another: one job at a time, for
// less than a thread per job costs. The thread starts with the first job. Thread-safe, but for
// stop().

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

namespace spoolmq {

class Worker {
 public:
  Worker() = default;
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // False: it works for somebody else, or no thread could be had; nothing is done. `job` throws
  // nothing and lives until wait() returns.
  bool start(const std::function<void()>& job);
  // Until that job is done.
  void wait();
  // Behind the last wait().
  void stop();
  // The thread is the parent's.
  void abandon_after_fork();

 private:
  enum State : std::uint32_t { kIdle, kTaken, kGiven, kDone, kStopped };
  void run();
  void rest(std::uint32_t state);  // until it is another, or perhaps

  std::atomic<std::uint32_t> state_{kIdle};
  const std::function<void()>* job_ = nullptr;  // whose is the state's
  std::thread thread_;
};

}  // namespace spoolmq

#pragma once
// A thread that does one thing for its owner while the owner does another: one job at a time, for
// less than a thread per job costs. The thread starts with the first job. Thread-safe.

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <thread>
#include <utility>

namespace spoolmq {

class Worker {
 public:
  class Job;
  Worker() = default;
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Behind the job that it has; no other begins.
  void stop();
  // The thread is the parent's.
  void abandon_after_fork();

 private:
  enum State : std::uint32_t { kIdle, kTaken, kGiven, kDone, kStopped };
  // False: it works for somebody else, or no thread could be had; nothing is done. `job` throws
  // nothing and lives until wait() returns.
  bool start(const std::function<void()>& job);
  // Until that job is done.
  void wait();
  void run();
  void rest(std::uint32_t state);  // until it is another, or perhaps

  std::atomic<std::uint32_t> state_{kIdle};
  const std::function<void()>* job_ = nullptr;  // whose is the state's
  std::thread thread_;
};

// What a worker does, again and again if need be; never beyond this object's life.
class Worker::Job {
 public:
  Job(Worker& worker, std::function<void()> act) : worker_(worker), act_(std::move(act)) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job() { wait(); }
  // False: the worker works for somebody else, has ended, or has no thread; nothing is done.
  // Behind finish(), if it was begun before.
  bool begin() { return runs_ = worker_.start(run_); }
  // Until it is done, if it was begun; throws what it threw.
  void finish() {
    wait();
    if (refused_) std::rethrow_exception(std::exchange(refused_, nullptr));
  }

 private:
  void wait() {
    if (std::exchange(runs_, false)) worker_.wait();
  }
  Worker& worker_;
  const std::function<void()> act_;
  bool runs_ = false;
  std::exception_ptr refused_;
  const std::function<void()> run_ = [this] {
    try {
      act_();
    } catch (...) {
      refused_ = std::current_exception();
    }
  };
};

}  // namespace spoolmq

#pragma once
// Makes committed index transactions durable, outside the lock: SQLite's own handle of the
// write-ahead log is synced (SQLITE_FCNTL_JOURNAL_POINTER, xSync), once for all threads that wait.
// Safe because commits are a prefix of one file: a later sync covers every earlier frame.
// Thread-safe. A failed sync is final: everyone who waited for it is told "unknown", and the
// generation of the index ends.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace spoolmq {

class LogSync {
 public:
  // `sync` syncs the log; it throws if that failed.
  explicit LogSync(std::function<void()> sync) : sync_(std::move(sync)) {}

  // On return everything committed before the call is durable.
  void wait() {
    std::unique_lock lock(mutex_);
    const std::uint64_t mine = started_ + 1;  // one that starts from now on
    while (finished_ < mine) {
      if (running_) {
        changed_.wait(lock);
        continue;
      }
      running_ = true;
      const std::uint64_t number = ++started_;
      lock.unlock();
      std::exception_ptr error;
      try {
        sync_();
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      running_ = false;
      finished_ = number;
      if (error) failed_ = {number, error};
      changed_.notify_all();
    }
    if (failed_.number >= mine) std::rethrow_exception(failed_.error);
  }

 private:
  struct Failure {
    std::uint64_t number = 0;
    std::exception_ptr error;
  };
  const std::function<void()> sync_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::uint64_t started_ = 0;
  std::uint64_t finished_ = 0;
  bool running_ = false;
  Failure failed_;
};

}  // namespace spoolmq

#pragma once
// A thread that works off jobs in batches: whatever was put while it was busy is the next one. It
// begins with the first job, and works off all of them before it ends.
// put() may be called from any thread, claim() and work_claimed() too.

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace spoolmq::adapters {

template <typename Job>
class BatchThread {
 public:
  // `work` is called with at least one and at most `most` jobs, and throws nothing.
  BatchThread(std::size_t most, std::function<void(std::vector<Job>)> work)
      : most_(most), work_(std::move(work)) {}
  ~BatchThread() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  BatchThread(const BatchThread&) = delete;
  BatchThread& operator=(const BatchThread&) = delete;

  void put(Job job) {
    std::vector<Job> one;
    one.push_back(std::move(job));
    put_all(std::move(one));
  }
  // At once, so that they are of one batch.
  void put_all(std::vector<Job> jobs) {
    if (jobs.empty()) return;
    {
      const std::lock_guard lock(mutex_);
      for (Job& one : jobs) jobs_.push_back(std::move(one));
      if (!thread_.joinable()) {
        thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
      }
      if (is_busy_) return;  // whoever works looks again
    }
    changed_.notify_one();
  }
  // True: nothing is waiting, or being worked on, and so many may be one batch; whoever asked works
  // them off by work_claimed(), as the next batch, and soon.
  [[nodiscard]] bool claim(std::size_t jobs) {
    const std::lock_guard lock(mutex_);
    if (is_busy_ || !jobs_.empty() || jobs > most_) return false;
    is_busy_ = true;
    return true;
  }
  void work_claimed(std::vector<Job> batch) {
    work_(std::move(batch));
    {
      const std::lock_guard lock(mutex_);
      is_busy_ = false;
      if (jobs_.empty()) return;
    }
    changed_.notify_one();
  }
  // Nothing is waiting, or being worked on.
  [[nodiscard]] bool is_idle() const {
    const std::lock_guard lock(mutex_);
    return jobs_.empty() && !is_busy_;
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, stop, [this] { return !jobs_.empty() && !is_busy_; });
      if (jobs_.empty()) return;
      const auto end = jobs_.begin() + static_cast<std::ptrdiff_t>(std::min(most_, jobs_.size()));
      std::vector<Job> batch(std::make_move_iterator(jobs_.begin()), std::make_move_iterator(end));
      jobs_.erase(jobs_.begin(), end);
      is_busy_ = true;
      lock.unlock();
      work_(std::move(batch));
      lock.lock();
      is_busy_ = false;
    }
  }

  const std::size_t most_;
  const std::function<void(std::vector<Job>)> work_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable_any changed_;
  std::deque<Job> jobs_;
  bool is_busy_ = false;
  std::jthread thread_;
};

}  // namespace spoolmq::adapters

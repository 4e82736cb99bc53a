#pragma once
// Lets threads that want the same sync share it: the first to come leads, works for all who queued
// up meanwhile, and hands the lead on. An error of the work reaches everyone in its group.
// Thread-safe.

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

namespace spoolmq {

template <typename Job>
class GroupCommit {
 public:
  using Work = std::function<void(std::span<Job* const>)>;
  // `heaviest`: a group takes no further job once its weight has reached this.
  GroupCommit(std::size_t heaviest, Work work) : heaviest_(heaviest), work_(std::move(work)) {}

  // Returns when `job` was part of a finished group; rethrows what the work threw.
  void run(Job& job, std::size_t weight) {
    Waiting me{&job, weight, false, nullptr};
    std::unique_lock lock(mutex_);
    queue_.push_back(&me);
    while (!me.done) {
      if (leading_) {
        changed_.wait(lock);
        continue;
      }
      leading_ = true;
      lead_one_group(lock);
      leading_ = false;
      changed_.notify_all();
    }
    lock.unlock();
    if (me.error) std::rethrow_exception(me.error);
  }

 private:
  struct Waiting {
    Job* job;
    std::size_t weight;
    bool done;
    std::exception_ptr error;
  };

  void lead_one_group(std::unique_lock<std::mutex>& lock) {
    std::vector<Waiting*> group;
    std::vector<Job*> jobs;
    for (std::size_t weight = 0; !queue_.empty() && weight < heaviest_; queue_.pop_front()) {
      weight += queue_.front()->weight;
      group.push_back(queue_.front());
      jobs.push_back(queue_.front()->job);
    }
    lock.unlock();
    std::exception_ptr error;
    try {
      work_(jobs);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    for (Waiting* waiting : group) {
      waiting->error = error;
      waiting->done = true;
    }
  }

  const std::size_t heaviest_;
  const Work work_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Waiting*> queue_;
  bool leading_ = false;
};

}  // namespace spoolmq

#include "store/fork_guard.h"

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "store/queue_impl.h"

namespace spoolmq {
namespace {

std::mutex mutex;  // guards open_queues; held across fork so that the child finds it whole
std::vector<QueueImpl*>& open_queues() {
  static auto* const queues = new std::vector<QueueImpl*>();
  return *queues;
}

void before_fork() { mutex.lock(); }
void in_parent() { mutex.unlock(); }
void in_child() {
  for (QueueImpl* const queue : open_queues()) queue->abandon_after_fork();
  open_queues().clear();
  mutex.unlock();
}

}  // namespace

void watch_fork(QueueImpl* queue) {
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(before_fork, in_parent, in_child); });
  const std::lock_guard guard(mutex);
  open_queues().push_back(queue);
}

void unwatch_fork(QueueImpl* queue) {
  const std::lock_guard guard(mutex);
  std::erase(open_queues(), queue);
}

}  // namespace spoolmq

#include "adapters/stomp_desks.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <thread>
#include <utility>

#include "spoolmq/error.h"

namespace spoolmq::adapters {

StompDesks::~StompDesks() {
  std::vector<std::shared_ptr<StompQueueDesk>> ending;
  for (auto& [queue, entry] : desks_) ending.push_back(std::move(entry.desk));
  std::atomic<std::size_t> next{0};  // of those that no thread has taken
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < std::min(ending.size(), kMostEnding); ++i) {
    threads.emplace_back([&] {
      for (std::size_t mine = next++; mine < ending.size(); mine = next++) ending[mine].reset();
    });
  }
}

std::shared_ptr<StompQueueDesk> StompDesks::desk(const std::string& queue) {
  const std::lock_guard lock(mutex_);
  const auto found = desks_.find(queue);
  if (found == desks_.end() && desks_.size() >= kMostDesks) {
    throw Error(ErrorCode::kOsResource, "open", queue,
                "more than " + std::to_string(kMostDesks) + " queues are in use at a time");
  }
  Entry& entry = desks_[queue];
  if (entry.desk == nullptr) {
    entry.desk = std::make_shared<StompQueueDesk>(queue, place_, rules_, mailbox_);
  }
  entry.used_ms = place_.clock->boot_ms();
  return entry.desk;
}

std::shared_ptr<StompQueueDesk> StompDesks::take(const std::string& queue) {
  const std::lock_guard lock(mutex_);
  const auto found = desks_.find(queue);
  if (found == desks_.end()) return nullptr;
  std::shared_ptr<StompQueueDesk> desk = std::move(found->second.desk);
  desks_.erase(found);
  return desk;
}

std::vector<std::shared_ptr<StompQueueDesk>> StompDesks::take_idle(std::int64_t since_boot_ms) {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<StompQueueDesk>> idle;
  for (auto one = desks_.begin(); one != desks_.end();) {
    Entry& entry = one->second;
    const bool is_idle =
        entry.used_ms < since_boot_ms && entry.desk.use_count() == 1 && entry.desk->is_idle();
    if (is_idle) idle.push_back(std::move(entry.desk));
    one = is_idle ? desks_.erase(one) : std::next(one);
  }
  return idle;
}

}  // namespace spoolmq::adapters

#include "cli/sweeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/log.h"
#include "spoolmq/request.h"

namespace spoolmq::cli {
namespace {

constexpr std::int64_t kLookEveryMs = 2'000;
constexpr std::int64_t kMailboxesEveryMs = 10'000;
constexpr std::int64_t kLongestBackoffMs = 10'000;
constexpr std::size_t kMaxAsking = 64;
// Whoever holds a queue's lock for longer makes that queue wait, not all of them.
constexpr Milliseconds kLockWait{250};

}  // namespace

Sweeper::Sweeper(Root& root, const Clock& clock, const OpenOptions& handles)
    : root_(root), clock_(clock), options_(handles) {
  options_.lock_wait = kLockWait;
  options_.name = "serve";
  options_.background = false;
  options_.observer = true;
}

Sweeper::~Sweeper() {
  for (auto& [name, swept] : swept_) close(name, swept);
}

void Sweeper::round() {
  if (clock_.boot_ms() >= look_boot_ms_) look_for_queues();
  if (clock_.boot_ms() >= mailboxes_boot_ms_) sweep_old_mailboxes();
  for (auto& [name, swept] : swept_) {
    if (clock_.boot_ms() < swept.due_boot_ms) continue;
    sweep(name, swept);
    answer();
  }
  answer();
}

void Sweeper::look_for_queues() {
  look_boot_ms_ = clock_.boot_ms() + kLookEveryMs;
  std::vector<std::string> names;
  try {
    root_.roll_forward();  // before a queue is swept that a process died in the middle of
    names = root_.queues();
    list_failure_.clear();
  } catch (const std::exception& error) {
    if (std::exchange(list_failure_, error.what()).empty()) {
      log::error("queues not listed", {{"why", error.what()}});
    }
    return;
  }
  for (auto one = swept_.begin(); one != swept_.end();) {
    if (std::binary_search(names.begin(), names.end(), one->first)) {
      ++one;
    } else {
      close(one->first, one->second);
      one = swept_.erase(one);
    }
  }
  for (const std::string& name : names) swept_.try_emplace(name);
}

void Sweeper::sweep_old_mailboxes() {
  mailboxes_boot_ms_ = clock_.boot_ms() + kMailboxesEveryMs;
  try {
    const std::size_t gone = sweep_mailboxes(root_, clock_.wall_ms());
    if (gone > 0) log::info("mailboxes removed", {{"count", gone}});
  } catch (const std::exception& error) {
    log::warn("mailboxes not swept", {{"why", error.what()}});
  }
}

void Sweeper::sweep(const std::string& name, Swept& swept) {
  swept.due_boot_ms = clock_.boot_ms() + kEveryMs;
  try {
    if (!swept.queue) swept.queue.emplace(root_.open_queue(name, options_));
    swept.queue->sweep();
    worked(name, swept);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) {
      // It was removed; of the same name there may be another one by now.
      close(name, swept);
      swept.due_boot_ms = clock_.boot_ms() + kLookEveryMs;
    } else {
      failed(name, swept, error.what());
    }
  } catch (const std::exception& error) {
    failed(name, swept, error.what());
  }
}

void Sweeper::failed(const std::string& name, Swept& swept, const std::string& why) {
  if (swept.backoff_ms == 0) log::error("queue not swept", {{"queue", name}, {"why", why}});
  swept.backoff_ms = std::clamp(swept.backoff_ms * 2, kEveryMs, kLongestBackoffMs);
  swept.due_boot_ms = clock_.boot_ms() + swept.backoff_ms;
}

void Sweeper::worked(const std::string& name, Swept& swept) {
  if (std::exchange(swept.backoff_ms, 0) != 0) {
    log::info("queue is swept again", {{"queue", name}});
  }
}

void Sweeper::close(const std::string& name, Swept& swept) {
  if (!swept.queue) return;
  try {
    swept.queue->close();
  } catch (const std::exception& error) {
    log::warn("queue not closed in order", {{"queue", name}, {"why", error.what()}});
  }
  swept.queue.reset();
}

std::vector<NamedStats> Sweeper::stats() {
  std::vector<NamedStats> all;
  for (auto& [name, swept] : swept_) {
    if (!swept.queue) continue;
    try {
      NamedStats named{name, swept.queue->stats(), false, false};
      if (const std::optional<Pause> pause = swept.queue->paused()) {
        named.receive_paused = pause->receive;
        named.send_paused = pause->send;
      }
      all.push_back(std::move(named));
    } catch (const std::exception& error) {
      failed(name, swept, error.what());
    }
  }
  return all;
}

void Sweeper::answer() {
  std::vector<Take> takes;
  {
    const std::lock_guard lock(mutex_);
    takes.swap(takes_);
    open_queues_ = static_cast<std::size_t>(std::ranges::count_if(
        swept_, [](const auto& one) { return one.second.queue.has_value(); }));
  }
  if (takes.empty()) return;
  const std::vector<NamedStats> counts = stats();
  for (const Take& take : takes) take(counts);
}

void Sweeper::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    round();
    std::unique_lock lock(mutex_);
    asked_.wait_for(lock, stop, Milliseconds{kEveryMs}, [this] { return !takes_.empty(); });
  }
  for (auto& [name, swept] : swept_) close(name, swept);
}

bool Sweeper::ask(Take take) {
  const std::lock_guard lock(mutex_);
  if (takes_.size() >= kMaxAsking) return false;
  takes_.push_back(std::move(take));
  asked_.notify_all();
  return true;
}

std::size_t Sweeper::queues() const {
  const std::lock_guard lock(mutex_);
  return open_queues_;
}

}  // namespace spoolmq::cli

#include "cli/watch_desk.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/log.h"

namespace spoolmq::cli {
namespace {

// A watcher without any directory has nothing due; and what the clock says may change in a sleep.
constexpr std::int64_t kLongestRestMs = 60'000;
constexpr std::int64_t kRestAfterFailureMs = 1'000;

}  // namespace

WatchDesk::WatchDesk(asio::io_context& loop, const Clock& clock)
    : clock_(clock), watcher_(clock), readable_(loop), due_(loop) {
  if (watcher_.descriptor() >= 0) {
    const int copy = ::fcntl(watcher_.descriptor(), F_DUPFD_CLOEXEC, 0);
    if (copy >= 0) readable_.assign(copy);
  }
  if (readable_.is_open()) wait_readable();
  wait_due();
}

void WatchDesk::set(const std::weak_ptr<AdapterRunner>& runner, std::uint64_t session,
                    const std::vector<watcher::WatchOptions>& watches) {
  if (const auto old = tokens_.find(runner); old != tokens_.end()) {
    for (const auto token : old->second) watcher_.forget(token);
    tokens_.erase(old);
  }
  if (watches.empty() || runner.expired()) return;
  std::vector<watcher::DirectoryWatcher::Token> tokens;
  for (std::size_t i = 0; i < watches.size(); ++i) {
    tokens.push_back(watcher_.watch(watches[i], [runner, session, i](const watcher::Hint& hint) {
      if (const auto adapter = runner.lock()) adapter->hint(session, i, hint);
    }));
  }
  tokens_.emplace(runner, std::move(tokens));
  wait_due();
}

void WatchDesk::wait_readable() {
  readable_.async_wait(asio::posix::descriptor_base::wait_read,
                       [this](const asio::error_code& error) {
                         if (error) return;
                         process();
                         wait_readable();
                       });
}

// Replaces the wait that may be under way.
void WatchDesk::wait_due() {
  const std::int64_t now_ms = clock_.boot_ms();
  const std::int64_t due_ms = failing_ ? now_ms + kRestAfterFailureMs : watcher_.next_due_boot_ms();
  const std::int64_t rest_ms = due_ms > now_ms ? std::min(due_ms - now_ms, kLongestRestMs) : 0;
  due_.expires_after(std::chrono::milliseconds{rest_ms});
  due_.async_wait([this](const asio::error_code& error) {
    if (!error) process();
  });
}

void WatchDesk::process() {
  try {
    watcher_.process();
    failing_ = false;
  } catch (const std::exception& error) {
    if (!std::exchange(failing_, true)) {
      log::error("directories not watched", {{"why", error.what()}});
    }
  }
  wait_due();
}

}  // namespace spoolmq::cli

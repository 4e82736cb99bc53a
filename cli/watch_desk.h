#pragma once
// The one DirectoryWatcher of the service: its descriptor and its timer in the event loop, its
// hints to the adapters that asked for them. For the loop's thread alone.

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "cli/adapter_runner.h"
#include "core/clock.h"
#include "watcher/directory_watcher.h"

namespace spoolmq::cli {

class WatchDesk {
 public:
  WatchDesk(asio::io_context& loop, const Clock& clock);

  // These and no other hints go to that runner; `watches` empty: none.
  void set(const std::weak_ptr<AdapterRunner>& runner, std::uint64_t session,
           const std::vector<watcher::WatchOptions>& watches);

 private:
  void wait_readable();
  void wait_due();
  void process();

  const Clock& clock_;
  watcher::DirectoryWatcher watcher_;
  asio::posix::stream_descriptor readable_;  // a duplicate of the watcher's own; may be none
  asio::steady_timer due_;
  std::map<std::weak_ptr<AdapterRunner>, std::vector<watcher::DirectoryWatcher::Token>,
           std::owner_less<>>
      tokens_;
  bool failing_ = false;  // logged
};

}  // namespace spoolmq::cli

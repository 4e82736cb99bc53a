#pragma once
// A bridge between a queue and something that is not a queue, cut into turns: whoever runs it (the
// service, or a command with --follow) calls turn() again and again in one thread, and waits in
// between for as long as the turn said, or less when something wakes it.
// What a turn throws, the runner answers (and the adapter goes on from what is on disk):
//   kTryAgain kUnavailable kPermission kNotFound kIo kOsResource → paused, tried again with backoff
//   anything else                                                → stopped
// Not thread-safe, but for hint() and interrupt().

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "spoolmq/queue.h"
#include "watcher/directory_watcher.h"

namespace spoolmq::adapters {

// Written by the adapter, read by anybody at any time; each stands for itself (relaxed).
struct AdapterCounters {
  std::atomic<std::uint64_t> moved{0};  // messages that went through, and their bytes
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> refused{0};  // put aside as bad
  std::atomic<std::uint64_t> waiting{0};  // files or messages that the last look left for later
  std::atomic<std::int64_t> last_success_wall_ms{0};
};

// What an adapter is given when it starts.
struct AdapterPlace {
  Root* root = nullptr;
  const Clock* clock = nullptr;
  AdapterCounters* counters = nullptr;
  std::string name;
  // A bridge comes to its end when the other side has ended, or its queue is empty.
  bool once = false;
  std::function<void()> wake;  // thread-safe: asks for a turn now; may be empty
  // Each message that went through (commands print it); may be empty.
  std::function<void(const MessageId& id, const std::string& file, std::uint64_t size)> on_moved;
  // Each file or message that was put aside or left, with the reason, once; may be empty.
  std::function<void(const std::string& subject, const std::string& why)> on_refused;
};

// What an import makes of one file, most blocking first.
struct FileReason {
  std::string rule;  // "ready" "imported" "name" "done-file" "closed" "locked" "stable" "links" …
  std::string why;   // one line
  std::optional<std::int64_t> left_ms;  // until it may be over by itself
  std::optional<MessageId> id;          // of the message it became
};

class Adapter {
 public:
  virtual ~Adapter() = default;

  struct Turn {
    // The next turn is due then (boot milliseconds; 0: at once).
    std::int64_t next_boot_ms = 0;
    bool idle = false;  // nothing was there to do: a command that was to make one pass is done
    bool over = false;  // of a place with `once`: all that was to be done is done
    // On its way, neither working nor refused: an outage that there was goes on.
    bool undecided = false;
  };
  // A bounded piece of work, at most some tenths of a second but for a single large body.
  virtual Turn turn() = 0;

  // The directories whose changes it wants to hear of; asked once, after construction.
  [[nodiscard]] virtual std::vector<watcher::WatchOptions> watches() const { return {}; }
  // Thread-safe; never blocks for long. `watch` counts in the order of watches().
  virtual void hint(std::size_t watch, const watcher::Hint& hint) {
    static_cast<void>(watch);
    static_cast<void>(hint);
  }
  // Thread-safe: a turn that waits or works on a large body comes to its end soon.
  virtual void interrupt() {}
  // Thread-safe. nullopt: this adapter has nothing to do with that path.
  virtual std::optional<std::vector<FileReason>> explain(const std::string& absolute_path) {
    static_cast<void>(absolute_path);
    return std::nullopt;
  }
};

}  // namespace spoolmq::adapters

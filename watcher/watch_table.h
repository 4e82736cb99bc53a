#pragma once
// Who uses which inotify watch. The kernel knows one watch per directory however often it is asked
// for; each who asked gets every event, and the watch goes with the last of them.
// Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <unordered_map>
#include <variant>
#include <vector>

#include "watcher/inotify.h"
#include "watcher/watch_directory.h"

namespace spoolmq::watcher {

// How far inotify reaches here; tests say less.
struct InotifyReach {
  std::size_t max_watches = std::numeric_limits<std::size_t>::max();  // 0: no inotify at all
  bool (*is_changed_unseen)(std::int64_t file_system_type) = watcher::is_changed_unseen;
};

// One directory of one watched tree.
struct WatchUser {
  std::uint64_t token = 0;
  std::uint64_t node = 0;
  bool operator==(const WatchUser&) const = default;
};

class WatchTable {
 public:
  explicit WatchTable(const InotifyReach& reach);

  // Null where there is no inotify; then why_not() is the errno of its refusal, 0 if not wanted.
  [[nodiscard]] Inotify* inotify() { return inotify_ ? &*inotify_ : nullptr; }
  [[nodiscard]] const Inotify* inotify() const { return inotify_ ? &*inotify_ : nullptr; }
  [[nodiscard]] int why_not() const { return why_not_; }
  [[nodiscard]] bool is_changed_unseen(int directory) const;

  // The watch of the directory that is open there; asking again changes nothing.
  std::variant<int, WatchRefused> use(int directory, WatchUser user);
  void release(int watch, WatchUser user);  // also of one that the kernel removed
  void abandon() { users_.clear(); }        // all of them; they go with the descriptor
  [[nodiscard]] std::vector<WatchUser> users(int watch) const;

 private:
  InotifyReach reach_;
  std::optional<Inotify> inotify_;
  int why_not_ = 0;
  std::unordered_map<int, std::vector<WatchUser>> users_;
};

}  // namespace spoolmq::watcher

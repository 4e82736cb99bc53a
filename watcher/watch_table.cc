#include "watcher/watch_table.h"

#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace spoolmq::watcher {
namespace {

// The same for every directory, for a second inotify_add_watch replaces the mask of the first.
// IN_EXCL_UNLINK: who still writes to an unlinked file says nothing of the new file of its name.
constexpr std::uint32_t kMask = IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_MODIFY | IN_CLOSE_WRITE |
                                IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF |
                                IN_ONLYDIR | IN_EXCL_UNLINK;

}  // namespace

WatchTable::WatchTable(const InotifyReach& reach) : reach_(reach) {
  if (reach_.max_watches == 0) return;
  auto opened = Inotify::open();
  if (const auto* refused = std::get_if<WatchRefused>(&opened)) {
    why_not_ = refused->error_number;
  } else {
    inotify_.emplace(std::move(std::get<Inotify>(opened)));
  }
}

bool WatchTable::is_changed_unseen(int directory) const {
  return reach_.is_changed_unseen(file_system_type(directory));
}

std::variant<int, WatchRefused> WatchTable::use(int directory, WatchUser user) {
  if (!inotify_) return WatchRefused{why_not_};
  const auto added = inotify_->add(directory, kMask);
  if (std::holds_alternative<WatchRefused>(added)) return added;
  const int watch = std::get<int>(added);
  const auto found = users_.find(watch);
  if (found == users_.end() && users_.size() >= reach_.max_watches) {
    inotify_->remove(watch);
    return WatchRefused{ENOSPC};
  }
  auto& users = found == users_.end() ? users_[watch] : found->second;
  if (std::ranges::find(users, user) == users.end()) users.push_back(user);
  return watch;
}

void WatchTable::release(int watch, WatchUser user) {
  const auto found = users_.find(watch);
  if (found == users_.end()) return;
  std::erase(found->second, user);
  if (!found->second.empty()) return;
  users_.erase(found);
  inotify_->remove(watch);
}

std::vector<WatchUser> WatchTable::users(int watch) const {
  const auto found = users_.find(watch);
  return found == users_.end() ? std::vector<WatchUser>{} : found->second;
}

}  // namespace spoolmq::watcher

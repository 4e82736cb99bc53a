// The walk of a WatchTree: directory after directory is opened, watched and listed, in steps.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "watcher/watch_tree.h"

namespace spoolmq::watcher {

void WatchTree::begin_walk(IfWalking if_walking) {
  if (nodes_.empty()) return;
  if (whole_walk_) {
    once_more_ = once_more_ || if_walking == IfWalking::kOnceMore;
    return;
  }
  whole_walk_ = true;
  met_obstacle_ = false;
  list_later(kTop, Announce::kNo);
}

void WatchTree::list_later(NodeId id, Announce announce) {
  // Directories that come and go leave entries behind that name none.
  constexpr std::size_t kFew = 1'024;
  if (to_list_.size() > 2 * nodes_.size() + kFew) {
    std::erase_if(to_list_, [&](const ToList& entry) { return !nodes_.contains(entry.node); });
  }
  to_list_.push_back({id, announce});
}

std::size_t WatchTree::walk(std::size_t budget, std::vector<Hint>& out) {
  std::size_t cost = 0;
  while (cost < budget && is_walking()) {
    if (!listing_) {
      const ToList next = to_list_.front();
      to_list_.pop_front();
      const bool is_known = nodes_.contains(next.node);
      cost += is_known ? kOpenCost : 1;
      if (is_known) begin_listing(next);
    } else {
      cost += list_one(out);
    }
    // Nothing more is to be had: looks find what is left, soon and often.
    if (met_obstacle_ && blindness_->cause != Blindness::Cause::kOtherMachines) {
      listing_.reset();
      to_list_.clear();
    }
  }
  if (!is_walking()) end_walk(out);
  return cost;
}

void WatchTree::begin_listing(ToList next) {
  auto opened = open(next.node);
  // Its number may have changed: by now another directory may stand there.
  if (!opened || !bind(next.node, opened->descriptor())) return;
  if (nodes_.at(next.node).level >= depth_ && next.announce == Announce::kNo) return;
  DIR* const names = ::fdopendir(opened->descriptor());
  if (names == nullptr) {
    note_if_short(errno);
    return;
  }
  opened->release();
  ++listing_number_;
  listing_.emplace(Listing{next.node, next.announce, {}});
  listing_->names.reset(names);
}

// Returns what it cost.
std::size_t WatchTree::list_one(std::vector<Hint>& out) {
  errno = 0;
  const struct dirent* const entry = ::readdir(listing_->names.get());
  if (entry == nullptr) {
    if (errno == 0) {
      end_listing();
    } else {  // it cannot be read to its end: what was not seen may still be there
      listing_.reset();
    }
    return 1;
  }
  const std::string name = entry->d_name;
  if (name == "." || name == "..") return 1;
  const NodeId node = listing_->node;
  const Announce announce = listing_->announce;
  if (is_directory(*entry)) {
    if (nodes_.at(node).level >= depth_) return 1;
    meet(node, ::dirfd(listing_->names.get()), name, announce);
    return kOpenCost;
  }
  if (announce == Announce::kYes) {
    out.push_back({Hint::Kind::kAppeared, name_below_top(node, name), 0});
  }
  return 1;
}

bool WatchTree::is_directory(const struct dirent& entry) const {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  struct stat found {};
  return ::fstatat(::dirfd(listing_->names.get()), entry.d_name, &found, AT_SYMLINK_NOFOLLOW) ==
             0 &&
         S_ISDIR(found.st_mode);
}

// What was not met has gone, and the event that said so may have been lost.
void WatchTree::end_listing() {
  std::vector<NodeId> gone;
  for (const auto& [name, child] : nodes_.at(listing_->node).children) {
    if (nodes_.at(child).listed_in != listing_number_) gone.push_back(child);
  }
  listing_.reset();
  for (const NodeId child : gone) drop(child);
}

void WatchTree::end_walk(std::vector<Hint>& out) {
  if (!whole_walk_) return;
  whole_walk_ = false;
  if (!met_obstacle_) blindness_.reset();
  if (std::exchange(found_new_, false)) out.push_back({Hint::Kind::kLook, {}});
  if (std::exchange(once_more_, false)) begin_walk(IfWalking::kGoOn);
}

}  // namespace spoolmq::watcher

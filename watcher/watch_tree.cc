#include "watcher/watch_tree.h"

#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace spoolmq::watcher {
namespace {

std::optional<Hint::Kind> kind_of(std::uint32_t mask) {
  if ((mask & (IN_CREATE | IN_MOVED_TO | IN_ATTRIB)) != 0) return Hint::Kind::kAppeared;
  if ((mask & IN_MODIFY) != 0) return Hint::Kind::kModified;
  if ((mask & IN_CLOSE_WRITE) != 0) return Hint::Kind::kClosed;
  if ((mask & (IN_DELETE | IN_MOVED_FROM)) != 0) return Hint::Kind::kGone;
  return std::nullopt;
}

}  // namespace

WatchTree::WatchTree(std::uint64_t token, std::string path, std::size_t depth, WatchTable& table)
    : token_(token), path_(std::move(path)), depth_(std::min(depth, kMaxDepth)), table_(table) {}

WatchTree::~WatchTree() { drop_all(); }

// ---- The top

bool WatchTree::follow_path() {
  if (identity_ && identity_ == identity_at(path_)) return false;
  const bool was_there = is_there();
  drop_all();
  const auto opened = OpenDirectory::at_path(path_);
  if (!opened) {
    note_if_short(errno);
    return was_there;
  }
  const auto identity = identity_of(opened->descriptor());
  if (!identity) return was_there;
  make_top(*opened, *identity);
  return true;
}

void WatchTree::make_top(const OpenDirectory& opened, DirectoryIdentity identity) {
  identity_ = identity;
  blindness_.reset();
  nodes_.try_emplace(kTop);
  if (bind(kTop, opened.descriptor()) && depth_ > 0) begin_walk(IfWalking::kOnceMore);
}

// ---- Directories

// A subdirectory `name` is said to stand in `parent`, which is open there.
void WatchTree::meet(NodeId parent, int parent_descriptor, const std::string& name,
                     Announce announce) {
  const auto opened = OpenDirectory::below(parent_descriptor, name);
  if (!opened) {  // gone again, a symbolic link, or not ours to read
    note_if_short(errno);
    return;
  }
  Node& above = nodes_.at(parent);
  const auto known = above.children.find(name);
  const bool is_known = known != above.children.end();
  if (!is_known && nodes_.size() >= kMaxDirectories) {
    note(Blindness::Cause::kTooMany, 0);
    return;
  }
  const NodeId id = is_known ? known->second : ++last_id_;
  if (!is_known) {
    above.children.emplace(name, id);
    nodes_.try_emplace(id, Node{parent, name, above.level + 1, -1, 0, {}});
  }
  Node& node = nodes_.at(id);
  node.listed_in = listing_number_;
  const int watch_before = node.watch;
  if (!bind(id, opened->descriptor())) {
    drop(id);
    return;
  }
  const bool is_new = node.watch != watch_before;
  if (is_new && announce == Announce::kNo) found_new_ = true;
  // What is known and announced was listed, or is going to be, when it came.
  const bool may_have_children = node.level < depth_;
  const bool lists = announce == Announce::kYes ? is_new : may_have_children;
  if (lists) list_later(id, announce);
}

// Takes the watch of the directory that is open there for this node. A node that had another
// directory's forgets what it knew of that one.
bool WatchTree::bind(NodeId id, int descriptor) {
  if (table_.inotify() == nullptr) {
    note(Blindness::Cause::kNoInotify, table_.why_not());
    return false;
  }
  if (table_.is_changed_unseen(descriptor)) note(Blindness::Cause::kOtherMachines, 0);
  const WatchUser user{token_, id};
  const auto used = table_.use(descriptor, user);
  if (const auto* refused = std::get_if<WatchRefused>(&used)) {
    note(Blindness::Cause::kRefused, refused->error_number);
    return false;
  }
  Node& node = nodes_.at(id);
  const int watch = std::get<int>(used);
  if (node.watch != watch) {
    drop_children(id);
    if (node.watch >= 0) table_.release(node.watch, user);
    node.watch = watch;
  }
  return true;
}

void WatchTree::drop_children(NodeId id) {
  std::vector<NodeId> below;  // breadth first: a list, not the stack
  for (const auto& [name, child] : nodes_.at(id).children) below.push_back(child);
  nodes_.at(id).children.clear();
  for (std::size_t i = 0; i < below.size(); ++i) {
    const auto found = nodes_.find(below[i]);
    for (const auto& [name, child] : found->second.children) below.push_back(child);
    if (found->second.watch >= 0) table_.release(found->second.watch, {token_, below[i]});
    if (listing_ && listing_->node == below[i]) listing_.reset();
    nodes_.erase(found);
  }
}

void WatchTree::drop(NodeId id) {
  drop_children(id);
  const auto found = nodes_.find(id);
  if (found->second.parent != 0) nodes_.at(found->second.parent).children.erase(found->second.name);
  if (found->second.watch >= 0) table_.release(found->second.watch, {token_, id});
  if (listing_ && listing_->node == id) listing_.reset();
  nodes_.erase(found);
}

void WatchTree::drop_all() {
  if (!nodes_.empty()) drop(kTop);
  identity_.reset();
  to_list_.clear();
  whole_walk_ = once_more_ = found_new_ = met_obstacle_ = false;
}

// ---- Events

bool WatchTree::take(NodeId id, const InotifyEvent& event, std::vector<Hint>& out) {
  const auto found = nodes_.find(id);
  if (found == nodes_.end()) return false;
  const bool is_top = id == kTop;
  if ((event.mask & (IN_IGNORED | IN_UNMOUNT)) != 0) {
    // Below the top its parent tells what became of the name; of an unmounting nobody tells.
    if (is_top) {
      drop_all();
    } else {
      drop(id);
      if ((event.mask & IN_UNMOUNT) != 0) begin_walk(IfWalking::kOnceMore);
    }
    return is_top || (event.mask & IN_UNMOUNT) != 0;
  }
  if (event.name.empty()) return is_top && (event.mask & (IN_MOVE_SELF | IN_DELETE_SELF)) != 0;
  if ((event.mask & IN_ISDIR) != 0) {
    if (found->second.level < depth_) take_directory(id, event);
  } else if (const auto kind = kind_of(event.mask)) {
    out.push_back({*kind, name_below_top(id, event.name), event.cookie});
  }
  return false;
}

void WatchTree::take_directory(NodeId parent, const InotifyEvent& event) {
  const auto& children = nodes_.at(parent).children;
  const auto known = children.find(event.name);
  if ((event.mask & (IN_DELETE | IN_MOVED_FROM)) != 0) {
    if (known != children.end()) drop(known->second);
    return;
  }
  // New permissions matter only to those that could not be watched before.
  if ((event.mask & IN_ATTRIB) != 0 && known != children.end()) return;
  if (const auto opened = open(parent)) {
    meet(parent, opened->descriptor(), std::string(event.name), Announce::kYes);
  }
}

// ---- Names

std::string WatchTree::name_below_top(NodeId id, std::string_view last) const {
  std::vector<const std::string*> above;
  for (const Node* node = &nodes_.at(id); node->parent != 0; node = &nodes_.at(node->parent)) {
    above.push_back(&node->name);
  }
  std::string name;
  for (auto part = above.rbegin(); part != above.rend(); ++part) name.append(**part).push_back('/');
  return name.append(last);
}

// Name by name from the top, so that no link is followed on the way.
std::optional<OpenDirectory> WatchTree::open(NodeId id) {
  std::vector<const std::string*> above;
  for (const Node* node = &nodes_.at(id); node->parent != 0; node = &nodes_.at(node->parent)) {
    above.push_back(&node->name);
  }
  auto opened = OpenDirectory::at_path(path_);
  if (opened && identity_of(opened->descriptor()) != identity_) return std::nullopt;
  for (auto part = above.rbegin(); opened && part != above.rend(); ++part) {
    opened = OpenDirectory::below(opened->descriptor(), **part);
  }
  if (!opened) note_if_short(errno);
  return opened;
}

// ---- Obstacles

void WatchTree::note(Blindness::Cause cause, int error_number) {
  if (!blindness_ || !met_obstacle_) blindness_ = Blindness{cause, error_number};
  met_obstacle_ = true;
}

// Whether a directory could not be opened because we are short of something. That it is not there,
// or not ours, is no obstacle.
bool WatchTree::note_if_short(int error_number) {
  if (error_number != EMFILE && error_number != ENFILE && error_number != ENOMEM) return false;
  note(Blindness::Cause::kRefused, error_number);
  return true;
}

}  // namespace spoolmq::watcher

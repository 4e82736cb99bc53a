#pragma once
// One watched directory and, to a depth, the directories below it: which inotify watch stands for
// which of them, and what an event means to whoever watches. It calls nobody: hints go into `out`.
//
// A directory below the top is a node. Its watch is taken on the descriptor that is then listed, so
// what was checked is what is watched. Directories that are new to us are found in two ways:
//   by an event   the directory is listed after its watch was taken, and what stands in it is
//   hinted
//                 name by name ("announced"): it may have come before the watch
//   by a walk     of the whole tree (at first, at each rescan, after lost events): a walk that
//   found
//                 new ones ends with kLook
// Both go in steps, so that a large tree does not hold up another. An event about a name is
// answered with what the name is now; events come in order, so the last one of a name settles it.
// Not thread-safe.

#include <dirent.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "watcher/directory_watcher.h"
#include "watcher/watch_directory.h"
#include "watcher/watch_table.h"

namespace spoolmq::watcher {

// Why hints of a tree cannot be relied on.
struct Blindness {
  enum class Cause : std::uint8_t {
    kNoInotify,      // error_number of inotify_init1
    kRefused,        // error_number of inotify_add_watch or of opening a directory
    kOtherMachines,  // the file system changes without a word to inotify
    kTooMany,        // more directories than kMaxDirectories
  };
  Cause cause = Cause::kRefused;
  int error_number = 0;
  bool operator==(const Blindness&) const = default;
};

class WatchTree {
 public:
  static constexpr std::size_t kMaxDepth = 128;
  static constexpr std::size_t kMaxDirectories = 262'144;  // of one tree
  // What a step of a walk costs: a name listed 1, a directory opened and watched this.
  static constexpr std::size_t kOpenCost = 16;

  WatchTree(std::uint64_t token, std::string path, std::size_t depth, WatchTable& table);
  WatchTree(const WatchTree&) = delete;
  WatchTree& operator=(const WatchTree&) = delete;
  ~WatchTree();

  // Whether the path has come to name another directory since the last call, or none, or one again;
  // that one is watched then, and a walk of it begun.
  bool follow_path();
  [[nodiscard]] bool is_there() const { return identity_.has_value(); }

  // Takes up `event` of that node. True: only a look at everything will do, after follow_path().
  bool take(std::uint64_t node, const InotifyEvent& event, std::vector<Hint>& out);

  enum class IfWalking : std::uint8_t { kGoOn, kOnceMore };
  void begin_walk(IfWalking if_walking);
  [[nodiscard]] bool is_walking() const { return listing_ || !to_list_.empty(); }
  // Returns the cost, a little more than `budget` at most.
  std::size_t walk(std::size_t budget, std::vector<Hint>& out);

  // While it cannot be relied on; forgotten when a whole walk met no obstacle.
  [[nodiscard]] const std::optional<Blindness>& blindness() const { return blindness_; }

 private:
  using NodeId = std::uint64_t;
  static constexpr NodeId kTop = 1;

  struct Node {
    NodeId parent = 0;  // 0: the top
    std::string name;
    std::size_t level = 0;
    int watch = -1;               // -1: none was to be had
    std::uint64_t listed_in = 0;  // the number of the listing of its parent that found it last
    std::map<std::string, NodeId, std::less<>> children;
  };
  enum class Announce : std::uint8_t { kNo, kYes };
  struct ToList {
    NodeId node = 0;
    Announce announce = Announce::kNo;
  };
  struct CloseListing {
    void operator()(DIR* open) const { ::closedir(open); }
  };
  struct Listing {
    NodeId node = 0;
    Announce announce = Announce::kNo;
    std::unique_ptr<DIR, CloseListing> names;
  };

  // watch_tree.cc
  void make_top(const OpenDirectory& opened, DirectoryIdentity identity);
  void meet(NodeId parent, int parent_descriptor, const std::string& name, Announce announce);
  bool bind(NodeId id, int descriptor);
  void drop(NodeId id);
  void drop_children(NodeId id);
  void drop_all();
  void take_directory(NodeId parent, const InotifyEvent& event);
  void note(Blindness::Cause cause, int error_number);
  bool note_if_short(int error_number);
  [[nodiscard]] std::string name_below_top(NodeId id, std::string_view last) const;
  [[nodiscard]] std::optional<OpenDirectory> open(NodeId id);

  // watch_walk.cc
  void list_later(NodeId id, Announce announce);
  void begin_listing(ToList next);
  std::size_t list_one(std::vector<Hint>& out);
  [[nodiscard]] bool is_directory(const struct dirent& entry) const;
  void end_listing();
  void end_walk(std::vector<Hint>& out);

  const std::uint64_t token_;
  const std::string path_;
  const std::size_t depth_;
  WatchTable& table_;

  std::optional<DirectoryIdentity> identity_;  // of the top; empty: there is none
  std::unordered_map<NodeId, Node> nodes_;
  NodeId last_id_ = kTop;
  std::optional<Blindness> blindness_;

  std::deque<ToList> to_list_;
  std::optional<Listing> listing_;
  std::uint64_t listing_number_ = 0;
  bool whole_walk_ = false;    // the walk under way began at the top
  bool once_more_ = false;     // and must begin again
  bool found_new_ = false;     // and found directories that nobody announced
  bool met_obstacle_ = false;  // and not all of them could be watched
};

}  // namespace spoolmq::watcher

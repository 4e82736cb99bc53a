#include "watcher/directory_watcher.h"

#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/log.h"
#include "watcher/watch_table.h"
#include "watcher/watch_tree.h"

namespace spoolmq::watcher {
namespace {

// How soon a directory that came, or was replaced under its path, is noticed without an event:
// while somebody has the old one open, the kernel does not tell that it was removed.
// All look in the same moment: one waking a second, however many they are.
std::int64_t next_second(std::int64_t now) {
  constexpr std::int64_t kFollowMs = 1'000;
  return now - now % kFollowMs + kFollowMs;
}

// One process() call: 256 directories opened, or 4096 names listed; one tree's share of it.
constexpr std::size_t kWalkBudget = 4'096;
constexpr std::size_t kWalkShare = 512;

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

std::int64_t after(std::int64_t now, std::chrono::milliseconds wait) {
  constexpr std::int64_t kLongest = std::int64_t{1} << 50;
  return now + std::clamp<std::int64_t>(wait.count(), 1, kLongest);
}

// For whoever reads the log: what ran out.
std::string limit_of(const Blindness& blindness) {
  switch (blindness.cause) {
    case Blindness::Cause::kOtherMachines:
      return "the file system changes without a word to inotify";
    case Blindness::Cause::kTooMany:
      return "more than " + std::to_string(WatchTree::kMaxDirectories) + " directories";
    case Blindness::Cause::kNoInotify:
      if (blindness.error_number == 0) return "inotify is switched off";
      if (blindness.error_number == EMFILE) {
        return "fs.inotify.max_user_instances, or the limit of open files";
      }
      break;
    case Blindness::Cause::kRefused:
      if (blindness.error_number == ENOSPC) return "fs.inotify.max_user_watches";
      break;
  }
  return std::strerror(blindness.error_number);
}

}  // namespace

class DirectoryWatcher::Impl {
 public:
  Impl(const Clock& clock, const InotifyReach& reach) : clock_(clock), table_(reach) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { table_.abandon(); }

  Token watch(const WatchOptions& options, Give give);
  void forget(Token token) { watches_.erase(token); }
  [[nodiscard]] int descriptor() const;
  [[nodiscard]] std::int64_t next_due() const;
  void process();

 private:
  struct Watch {
    Watch(Token token, const WatchOptions& the_options, Give the_give, WatchTable& table)
        : options(the_options),
          give(std::make_shared<const Give>(std::move(the_give))),
          tree(token, options.path, options.depth, table) {}
    WatchOptions options;
    std::shared_ptr<const Give> give;  // outlives its watch while it runs
    WatchTree tree;
    bool must_look = false;  // before its time
    std::int64_t look_at = 0;
    std::int64_t walk_at = 0;
    std::int64_t follow_at = 0;
    std::array<bool, 4> logged{};  // by Blindness::Cause
  };

  void take_events();
  void take(const InotifyEvent& event);
  void look_around(Token token, Watch& watch);
  void walk();
  void put(Token token, std::vector<Hint>& hints);
  void deliver();
  void heed_blindness(Watch& watch) const;
  [[nodiscard]] std::vector<Token> tokens() const;

  const Clock& clock_;
  WatchTable table_;
  std::map<Token, Watch> watches_;  // after table_: its watches are released into it
  Token last_token_ = 0;
  Token walked_last_ = 0;
  std::optional<InotifyEvents> events_;        // of the last read, where some are left
  std::deque<std::pair<Token, Hint>> outbox_;  // of one event or one step, not more
  bool processing_ = false;
};

// ---- Watches

DirectoryWatcher::Token DirectoryWatcher::Impl::watch(const WatchOptions& options, Give give) {
  const Token token = ++last_token_;
  Watch& watch = watches_.try_emplace(token, token, options, std::move(give), table_).first->second;
  const auto now = clock_.boot_ms();
  watch.tree.follow_path();
  watch.look_at = watch.walk_at = after(now, options.rescan);
  watch.follow_at = next_second(now);
  heed_blindness(watch);
  const auto called = watch.give;
  try {
    (*called)(Hint{});
  } catch (...) {  // nobody got the token
    forget(token);
    throw;
  }
  return token;
}

int DirectoryWatcher::Impl::descriptor() const {
  return table_.inotify() != nullptr ? table_.inotify()->descriptor() : -1;
}

std::int64_t DirectoryWatcher::Impl::next_due() const {
  const Inotify* const inotify = table_.inotify();
  bool is_left_over = !outbox_.empty() || events_ || (inotify != nullptr && inotify->has_events());
  std::int64_t due = kNever;
  for (const auto& [token, watch] : watches_) {
    is_left_over = is_left_over || watch.must_look || watch.tree.is_walking();
    due = std::min({due, watch.look_at, watch.follow_at, watch.walk_at});
  }
  return is_left_over ? clock_.boot_ms() : due;
}

std::vector<DirectoryWatcher::Token> DirectoryWatcher::Impl::tokens() const {
  std::vector<Token> all;
  for (const auto& [token, watch] : watches_) all.push_back(token);
  return all;
}

// ---- Turns

void DirectoryWatcher::Impl::process() {
  SPOOLMQ_CHECK(!processing_);
  struct Turn {
    explicit Turn(bool& flag) : running(flag) { running = true; }
    ~Turn() { running = false; }
    bool& running;
  } turn(processing_);

  deliver();
  take_events();
  // What is called for a hint may end any watch, and begin new ones, whose turn comes later.
  for (const Token token : tokens()) {
    const auto found = watches_.find(token);
    if (found == watches_.end()) continue;
    look_around(token, found->second);
    deliver();
  }
  walk();
}

void DirectoryWatcher::Impl::take_events() {
  if (table_.inotify() == nullptr) return;
  if (!events_) events_ = table_.inotify()->read();
  while (const auto event = events_->next()) take(*event);
  events_.reset();
}

void DirectoryWatcher::Impl::take(const InotifyEvent& event) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    for (auto& [token, watch] : watches_) {
      watch.must_look = true;
      watch.tree.begin_walk(WatchTree::IfWalking::kOnceMore);
    }
    return;
  }
  const auto users = table_.users(event.watch);
  std::vector<Hint> hints;
  for (const WatchUser& user : users) {
    const auto found = watches_.find(user.token);
    if (found == watches_.end()) continue;
    if (found->second.tree.take(user.node, event, hints)) found->second.must_look = true;
    put(user.token, hints);
  }
  deliver();
}

// What is due for one watch: where its path leads, a look, a walk.
void DirectoryWatcher::Impl::look_around(Token token, Watch& watch) {
  const auto now = clock_.boot_ms();
  bool is_due = watch.must_look || now >= watch.look_at;
  if (is_due || now >= watch.follow_at) {
    is_due = watch.tree.follow_path() || is_due;
    watch.follow_at = next_second(now);
  }
  if (now >= watch.walk_at) {
    watch.tree.begin_walk(WatchTree::IfWalking::kGoOn);
    watch.walk_at = after(now, watch.options.rescan);
  }
  if (is_due) {
    watch.must_look = false;
    watch.look_at = after(now, watch.options.rescan);
    outbox_.emplace_back(token, Hint{});
  }
  heed_blindness(watch);
}

// In turns, going on behind the tree that had the last one.
void DirectoryWatcher::Impl::walk() {
  std::size_t budget = kWalkBudget;
  while (budget > 0) {
    const auto is_walking = [](const auto& entry) { return entry.second.tree.is_walking(); };
    auto next = std::find_if(watches_.upper_bound(walked_last_), watches_.end(), is_walking);
    if (next == watches_.end()) next = std::ranges::find_if(watches_, is_walking);
    if (next == watches_.end()) return;
    walked_last_ = next->first;
    std::vector<Hint> hints;
    budget -= std::min(budget, next->second.tree.walk(std::min(budget, kWalkShare), hints));
    heed_blindness(next->second);
    put(walked_last_, hints);
    deliver();
  }
}

// ---- Hints

void DirectoryWatcher::Impl::put(Token token, std::vector<Hint>& hints) {
  for (Hint& hint : hints) outbox_.emplace_back(token, std::move(hint));
  hints.clear();
}

void DirectoryWatcher::Impl::deliver() {
  while (!outbox_.empty()) {
    const auto [token, hint] = std::move(outbox_.front());
    outbox_.pop_front();
    const auto found = watches_.find(token);
    if (found == watches_.end()) continue;
    const auto called = found->second.give;
    (*called)(hint);
  }
}

// Looks come oftener then; the first time it is said why.
void DirectoryWatcher::Impl::heed_blindness(Watch& watch) const {
  const auto& blindness = watch.tree.blindness();
  if (!blindness) return;
  const auto soon = after(clock_.boot_ms(), watch.options.rescan_blind);
  watch.look_at = std::min(watch.look_at, soon);
  bool& logged = watch.logged.at(static_cast<std::size_t>(blindness->cause));
  if (std::exchange(logged, true)) return;
  log::warn("changes are found by looking alone", {{"directory", watch.options.path},
                                                   {"every_ms", watch.options.rescan_blind.count()},
                                                   {"why", limit_of(*blindness)}});
}

// ---- The interface

DirectoryWatcher::DirectoryWatcher(const Clock& clock) : DirectoryWatcher(clock, InotifyReach{}) {}
DirectoryWatcher::DirectoryWatcher(const Clock& clock, const InotifyReach& reach)
    : impl_(std::make_unique<Impl>(clock, reach)) {}
DirectoryWatcher::~DirectoryWatcher() = default;

DirectoryWatcher::Token DirectoryWatcher::watch(const WatchOptions& options, Give give) {
  return impl_->watch(options, std::move(give));
}
void DirectoryWatcher::forget(Token token) { impl_->forget(token); }
int DirectoryWatcher::descriptor() const { return impl_->descriptor(); }
std::int64_t DirectoryWatcher::next_due_boot_ms() const { return impl_->next_due(); }
void DirectoryWatcher::process() { impl_->process(); }

}  // namespace spoolmq::watcher

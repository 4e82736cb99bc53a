#include "tests/store/crash_check.h"

#include <algorithm>
#include <exception>

#include "core/names.h"

namespace spoolmq::test {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr int kRounds = 6;
std::string_view place_of(State state) {
  switch (state) {
    case State::kReady:
    case State::kDelayed:
    case State::kLeased:
      return kLive;
    case State::kHeld:
      return kHeld;
    case State::kDead:
      return kDead;
    case State::kArchived:
      return kArchived;
    case State::kCorrupt:
      return "corrupt";
  }
  return "?";
}

std::string shown(const std::string& body) {
  return "'" + (body.size() > 24 ? body.substr(0, 24) + "…" : body) + "'";
}

class Checker {
 public:
  explicit Checker(World& world) : world_(world) {}

  void look(const char* when) {
    when_ = when;
    std::map<std::string, std::vector<std::string>, std::less<>> found;
    for (const std::string& name : world_.queues()) look_at(name, found);
    for (const auto& [body, account] : world_.ledger()) {
      const auto places = found.find(body);
      const std::size_t count = places == found.end() ? 0 : places->second.size();
      if (count > 1) report(shown(body) + " is there " + std::to_string(count) + " times");
      const std::string place = count == 0 ? std::string(kAbsent) : places->second.front();
      if (!account.may.contains(place)) {
        report(shown(body) + " is " + place + ", may be " + *account.may.begin());
      }
    }
    for (const auto& [body, places] : found) {
      if (!world_.ledger().contains(body)) report(shown(body) + " was never sent");
    }
  }

  // From now on the account says what is there: the next look must find it again.
  void narrow() {
    for (auto& [body, account] : world_.ledger()) {
      std::string place(kAbsent);
      if (const auto at = last_.find(body); at != last_.end()) place = at->second;
      account.may = {place};
    }
  }

  void fsck() {
    for (const std::string& name : world_.queues()) {
      for (const FsckFinding& one : world_.queue(name).fsck(FsckMode::kLook)) {
        if (lost_.contains(one.where)) continue;
        report("fsck of " + name + ": " + one.what + " " + one.where + ": " + one.why);
      }
    }
  }

  void drain() {
    when_ = "draining";
    drained_ = true;
    std::map<std::string, int> delivered;
    for (const std::string& name : world_.queues()) {
      for (int round = 0; round < kRounds; ++round) {
        ReceiveOptions all;
        all.max = 1000;
        std::vector<Delivery> deliveries = world_.queue(name).receive_batch(all);
        for (const Delivery& one : deliveries) {
          const std::string body = whole_body(*one.open_body());
          if (++delivered[body] > 1) report(shown(body) + " was delivered again");
          const auto account = world_.ledger().find(body);
          if (account == world_.ledger().end()) {
            report(shown(body) + " was delivered and never sent");
          } else if (!account->second.may.contains(World::in(name, kLive))) {
            report(shown(body) + " was delivered from " + name);
          }
          world_.settle(body, kAbsent);
        }
        if (!deliveries.empty()) world_.queue(name).ack_batch(deliveries);
        if (deliveries.empty() && live(name) == 0) break;
        world_.clock().advance(kHourMs);
      }
      if (live(name) != 0) report("a live message of " + name + " is never delivered");
    }
    for (const auto& [body, account] : world_.ledger()) {
      if (!account.may.contains(kAbsent) && account.may.begin()->ends_with(kLive)) {
        report(shown(body) + " was not delivered");
      }
    }
  }

  void files_are_gone() {
    when_ = "after the drain";
    world_.clock().advance(kHourMs);
    for (const std::string& name : world_.queues()) {
      world_.queue(name).maintain();
      const QueueStats stats = world_.queue(name).stats();
      if (stats.reserved != 0) report("a reservation of " + name + " was never returned");
      std::int64_t messages = 0;
      for (const StateCount& one : stats.states) messages += one.messages;
      world_.queue(name).close();
      const std::vector<std::string> files = world_.spool_files(name);
      if (messages == 0 && !files.empty()) report(files.front() + " of " + name + " is left");
    }
  }

  void report(const std::string& what) { violations_.push_back(std::string(when_) + ": " + what); }
  Violations take() { return std::move(violations_); }

 private:
  void look_at(const std::string& name,
               std::map<std::string, std::vector<std::string>, std::less<>>& found) {
    Queue& queue = world_.queue(name);
    const QueueStats stats = queue.stats();
    std::int64_t counted[kStateCount] = {};
    for (const MessageStatus& one : queue.scan({})) {
      ++counted[static_cast<std::size_t>(one.state)];
      const std::string place = World::in(name, place_of(one.state));
      try {
        const std::optional<Message> message = queue.load(one.id);
        if (!message) {
          report("a row of " + name + " has no message");
          continue;
        }
        const std::string body = whole_body(*queue.open_body(*message));
        found[body].push_back(place);
        last_[body] = place;
      } catch (const Error& error) {
        // Dropped when it is met, or corrupt if there is something left of it.
        const bool may_be = !drained_ || one.state == State::kCorrupt;
        if (one.os_durability && world_.options().power_was_cut && may_be) {
          lost_.insert(one.id.text());
          continue;
        }
        report("a row (" + place + ") cannot be loaded: " + error.what());
      }
    }
    for (std::size_t i = 0; i < kStateCount; ++i) {
      if (counted[i] == stats.states[i].messages) continue;
      report("stats of " + name + " count " + std::to_string(stats.states[i].messages) + " " +
             std::string(state_name(static_cast<State>(i))) + ", there are " +
             std::to_string(counted[i]));
    }
    for (const std::string& file : world_.spool_files(name)) {
      if (names::parse_temporary(file.substr(3))) report("temporary " + file + " is left");
    }
  }

  std::int64_t live(const std::string& name) {
    const QueueStats stats = world_.queue(name).stats();
    return stats.of(State::kReady).messages + stats.of(State::kDelayed).messages +
           stats.of(State::kLeased).messages;
  }

  World& world_;
  const char* when_ = "";
  std::map<std::string, std::string> last_;
  std::set<std::string, std::less<>> lost_;  // ids of unsynced messages that the power took
  bool drained_ = false;
  Violations violations_;
};

}  // namespace

void delete_index(World& world, const std::string& queue) {
  const auto dir = world.queue_dir(queue);
  for (const std::string& file : world.disk().names("queues/" + queue)) {
    if (names::parse_index_file(file)) dir->unlink(file);
  }
  dir->sync();
}

void recover(World& world) {
  for (const std::string& name : world.queues()) {
    world.queue(name).stats();
    ReceiveOptions none;
    none.from = "nobody";
    if (!world.queue(name).paused()) static_cast<void>(world.queue(name).receive(none));
  }
}

Violations check(World& world, Thoroughness thoroughness) {
  Checker checker(world);
  try {
    recover(world);
    checker.look("first open");
    checker.fsck();
    checker.narrow();
    if (thoroughness == Thoroughness::kRebuildToo) {
      for (const std::string& name : world.queues()) world.queue(name).maintain();
      world.close();
      for (const std::string& name : world.queues()) delete_index(world, name);
      checker.look("after a rebuild");
    }
    checker.drain();
    checker.files_are_gone();
    world.close();
    checker.look("second open");
  } catch (const std::exception& error) {
    checker.report(std::string("refused: ") + error.what());
  }
  return checker.take();
}

}  // namespace spoolmq::test

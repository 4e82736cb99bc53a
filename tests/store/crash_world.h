#pragma once
// A root with a queue or two on the in-memory twin as one process uses it, and the account of what
// it was promised, kept outside the disk: for every message, told by its body, where it may be now.
// Each act widens the account before it begins and narrows it when it returned; so whenever the
// power fails, the account says what the next process may find. An act that is refused with
// kTryAgain has changed nothing: the same may be tried again without a duplicate.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "spoolmq/queue.h"
#include "tests/support/memory_file_system.h"

namespace spoolmq::test {

inline constexpr std::string_view kAbsent = "absent";
inline constexpr std::string_view kLive = "live";  // ready, delayed or leased
inline constexpr std::string_view kHeld = "held";
inline constexpr std::string_view kDead = "dead";
inline constexpr std::string_view kArchived = "archived";

class TurnableClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override { return wall; }
  [[nodiscard]] std::int64_t boot_ms() const override { return boot; }
  [[nodiscard]] std::string boot_id() const override;
  void advance(std::int64_t ms) {
    wall += ms;
    boot += ms;
  }
  void reboot() {
    ++boots;
    boot = 1000;
    wall += 1000;
  }
  std::int64_t wall = 1'800'000'000'000;
  std::int64_t boot = 5'000'000;
  int boots = 1;
};

struct Account {
  std::set<std::string, std::less<>> may;  // "absent", or queue and state: "q:live"
  bool survives_power_cut = true;          // false: durability os
};
using Ledger = std::map<std::string, Account, std::less<>>;  // by body

struct WorldOptions {
  Settings settings;
  bool one_shot = true;
  bool two_queues = false;     // "other" too
  bool power_was_cut = false;  // unsynced messages (durability os) may be gone
  MemoryFileSystem::Support support;
};

class World {
 public:
  // Creates the root and its queues, durably.
  explicit World(const WorldOptions& options);
  // The next process, on what a cut has left.
  World(std::unique_ptr<MemoryFileSystem> disk, const TurnableClock& clock, Ledger ledger,
        WorldOptions options);
  ~World();

  MemoryFileSystem& disk() { return *disk_; }
  TurnableClock& clock() { return *clock_; }
  Ledger& ledger() { return ledger_; }
  [[nodiscard]] const WorldOptions& options() const { return options_; }
  Root& root();
  Queue& queue(const std::string& name = "q");
  [[nodiscard]] std::vector<std::string> queues() const;
  // One more handle of the same queue.
  Queue another(const std::string& name = "q");
  void close();  // in order
  [[nodiscard]] std::vector<std::string> spool_files(const std::string& name = "q") const;
  std::unique_ptr<Dir> queue_dir(const std::string& name = "q");
  [[nodiscard]] std::uint64_t index_generation(const std::string& name = "q") const;

  // Acts that keep the account.
  MessageId send(const std::string& body, Message message = {}, const SendOptions& options = {});
  MessageId send_from(Queue& queue, const std::string& body, Message message = {},
                      const SendOptions& options = {});
  void send_all(const std::vector<std::string>& bodies, const SendOptions& options = {});
  Delivery take();  // the next one
  void ack(Delivery& delivery);
  void take_and_ack(std::size_t count = 1);
  // Taken together, and acknowledged one after the other: all but the last of them early.
  void take_together(std::size_t count);
  // Each acknowledged with the receipt of the next; the last of these is kept.
  void take_in_turns(std::size_t count);
  // On lease until the world ends.
  void keep(Delivery delivery) { kept_.push_back(std::move(delivery)); }
  void reject(Delivery& delivery);
  void hold(const MessageId& id, const std::string& body);
  void requeue(const MessageId& id, const std::string& body);
  void move(const std::vector<std::pair<MessageId, std::string>>& messages);
  // The index was made anew, or will be: what was acknowledged last may be forgotten.
  void forgive_acks();

  void widen(const std::string& body, std::string_view state);
  void settle(const std::string& body, std::string_view state);
  static std::string in(std::string_view queue, std::string_view state);

 private:
  std::unique_ptr<MemoryFileSystem> disk_;
  std::shared_ptr<TurnableClock> clock_;
  Ledger ledger_;
  WorldOptions options_;
  std::optional<Root> root_;
  std::map<std::string, Queue> queues_;
  std::vector<Delivery> kept_;
  std::vector<std::string> acked_;
};

// Every byte of the body, inline or large.
std::string whole_body(BodyReader& reader);

}  // namespace spoolmq::test

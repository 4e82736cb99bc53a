#pragma once
// What a queue should be, said as plainly as the README says it: messages in a list, states and
// counters by hand, time passed in. Tests act on a queue and on this, and compare.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "spoolmq/queue.h"

namespace spoolmq::test {

struct Modelled {
  MessageId id;
  State state = State::kReady;
  std::int64_t order = 0;
  std::int64_t due = 0;         // delayed: wall; leased: boot
  std::int64_t lease_wall = 0;  // leased: the deadline on the wall clock
  std::int64_t expires = 0;     // wall; 0: never
  std::int64_t not_before = 0;  // wall, as sent
  int priority = 0;
  std::string key;
  std::string dedupe_key;
  std::string body;
  Counters counters;
  std::optional<Receipt> receipt;  // of the running lease
  [[nodiscard]] bool is_live() const { return state <= State::kHeld; }
};

class Model {
 public:
  struct Limits {
    std::int64_t lease_ms = 0;
    std::int64_t max_failures = 0;
    std::int64_t max_redrives = 0;
    std::int64_t dedupe_ms = 0;
  };
  explicit Model(const Limits& limits) : limits_(limits) {}

  std::vector<Modelled> messages;
  QueueTotals totals;  // without syncs

  void add(Modelled one);
  Modelled* find(const MessageId& id);
  void erase(const MessageId& id);
  [[nodiscard]] bool is_behind(const Modelled& one) const;
  // In the order of delivery.
  std::vector<Modelled*> ready();

  // The message that a dedupe key stands for now.
  [[nodiscard]] std::optional<MessageId> known_key(const std::string& key, std::int64_t wall) const;
  void remember_key(const std::string& key, const MessageId& id, std::int64_t wall);
  // If it is this message's still.
  void forget_key(const Modelled& one);
  // Those of messages that are gone, too; the others count from when they were sent.
  void forget_keys_of_the_gone();

  // What a receive does first, and a sweep.
  void move_due(std::int64_t wall, std::int64_t boot);
  // Without `delay`: by the queue's backoff, which the queue must tell.
  void fail(Modelled& one, std::int64_t delay, std::int64_t wall);
  void die(Modelled& one);
  void hold(Modelled& one);
  void requeue(Modelled& one);
  // Another boot: leases have what the wall clock leaves them, but not more than their length.
  void start_new_boot(std::int64_t wall, std::int64_t boot);

 private:
  struct Key {
    MessageId id;
    std::int64_t until = 0;
  };
  const Limits limits_;
  std::int64_t next_ = 1;
  std::map<std::string, Key> keys_;
};

}  // namespace spoolmq::test

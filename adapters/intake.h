#pragma once
// The queue's end of a bridge that brings messages in. Bodies are gathered, then sent together: one
// write and one sync for all that came at once, whoever they came from. Not thread-safe.
//
//   intake.add(message, token) …; for (const Taken& one : intake.flush()) answer(one.token, one);
//
// After a refusal that may pass (kTryAgain: full, locked, paused, no room; kOsResource) nothing of
// what was gathered is lost: it stays, flush() throws, and the next flush() tries it again. Whoever
// gathers stops reading while is_full().

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

class Intake {
 public:
  struct Limits {
    std::size_t messages = 256;
    std::size_t bytes = 8 << 20;  // of bodies; one message may be larger
  };
  // What becomes of a message that the queue refuses for good.
  enum class Refused : std::uint8_t {
    kTold,    // whoever sent it hears of it
    kBuried,  // nobody would: it is dead here from the start, under an id of its own
  };
  struct Manner {
    IdMemory id_memory = IdMemory::kUsual;
    Refused refused = Refused::kTold;
  };
  // What became of one message, in the order of add().
  struct Taken {
    std::uint64_t token = 0;
    bool is_sent = false;  // durable, under `id`; otherwise refused for good: `why`
    MessageId id;
    std::string why;
  };
  Intake(Queue& queue, const AdapterPlace& place) : Intake(queue, place, Limits{}) {}
  Intake(Queue& queue, const AdapterPlace& place, Limits limits)
      : Intake(queue, place, limits, Manner{}) {}
  Intake(Queue& queue, const AdapterPlace& place, Limits limits, Manner manner)
      : queue_(queue), place_(place), limits_(limits), manner_(manner) {}

  // `token` is the caller's; where it came from is for on_refused and logs.
  void add(Message message, std::uint64_t token = 0);
  [[nodiscard]] bool is_empty() const { return gathered_.empty(); }
  [[nodiscard]] bool is_full() const {
    return gathered_.size() >= limits_.messages || bytes_ >= limits_.bytes;
  }
  // Every message that it returns as sent is durable. Counts, and tells the place's on_moved and
  // on_refused. Throws Error: see above; what was sent before it was thrown is returned next time.
  std::vector<Taken> flush();
  // Without sending: what was found out before the last flush() threw.
  std::vector<Taken> take_settled();

  // The same with some patience: a refusal that may pass is thrown only once it has lasted for
  // seconds in which nothing at all was sent. Until then is_refused(): call again in a moment, and
  // add no more meanwhile. So a bounded queue that is drained all the time is filled all the time.
  std::vector<Taken> try_flush();
  [[nodiscard]] bool is_refused() const { return refused_since_ms_.has_value(); }
  static constexpr std::int64_t kTryAgainMs = 50;

  struct Gathered {
    Message message;
    std::uint64_t token = 0;
  };
  // What was not sent, for a bridge that ends and can give it back to where it came from.
  std::vector<Gathered> take_back();

 private:
  void send();
  bool send_together();
  void send_one(Gathered& one);
  void refuse(Gathered& one, const std::string& why);
  [[nodiscard]] SendOptions options() const;
  void note_sent(const Gathered& one, const MessageId& id);
  void note_refused(const Gathered& one, const std::string& why);

  Queue& queue_;
  const AdapterPlace& place_;
  const Limits limits_;
  const Manner manner_;
  std::deque<Gathered> gathered_;
  std::size_t bytes_ = 0;
  std::vector<Taken> taken_;                      // not returned yet
  std::optional<std::int64_t> refused_since_ms_;  // boot; or since when nothing was sent
};

}  // namespace spoolmq::adapters

#pragma once
// The queue's end of a bridge that takes messages out. A thread of its own waits in the queue and
// takes messages on bound leases, at most `window` that are not settled; the bridge polls for them
// beside its other descriptors, hands them on, and settles each by its verdict. Leases are extended
// for as long as a message is here. Acknowledgements that come together share one sync.
//
//   poll(outflow.descriptor(), …); while (Delivery* one = outflow.next()) put(*one);
//   outflow.settle(id, Verdict::kAck); … outflow.flush();
//
// What was not settled when it ends is released: ready again, no failure counted.
// Threads: all calls from one thread; the waiting one is inside.

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/bell.h"
#include "adapters/verdict.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// Nothing is ready, delayed or leased, here or elsewhere. Costs a look into the index.
bool is_drained(Queue& queue);

// What a verdict means for the bridge itself: kPause throws Error(kUnavailable), to be tried again;
// kStop Error(kConfiguration). Others nothing.
void heed(Verdict verdict, const AdapterPlace& place, std::string_view why);

class Outflow {
 public:
  // `window` > 1: more than one may be on its way at a time.
  Outflow(Queue& queue, const AdapterPlace& place, std::size_t window);
  ~Outflow();
  Outflow(const Outflow&) = delete;
  Outflow& operator=(const Outflow&) = delete;

  // Readable: next() has something, or throws.
  [[nodiscard]] int descriptor() const { return bell_.descriptor(); }
  // The next message, in the queue's order; null: none is there now. It stays valid until it is
  // settled. Throws what the queue refused the waiting thread, which then goes on.
  Delivery* next();
  // The message is done with. Nacks and the like are carried out at once, acknowledgements by
  // flush(). A lease that was lost meanwhile is said once and is no failure. Unknown ids: a bug.
  // kPause and kStop release that message; what else follows is the caller's.
  void settle(MessageId id, Verdict verdict, std::string_view why = {});
  // The acknowledgements are durable on return. Throws Error; then they are tried again next time.
  void flush();
  // Leases whose half is over are extended; returns when it must be called again (boot ms).
  std::int64_t extend_due();

  [[nodiscard]] std::size_t unsettled() const { return handed_.size(); }
  // Settled as acknowledged, but not flushed.
  [[nodiscard]] std::size_t unflushed() const { return acked_.size(); }
  // One that is not settled; null: there is none of that id.
  [[nodiscard]] const Delivery* find(const MessageId& id) const;
  [[nodiscard]] bool is_queue_empty() const { return is_drained(queue_); }

 private:
  struct Held {
    Delivery delivery;
    std::int64_t extended_boot_ms;
  };
  void wait_in_queue(const std::stop_token& stop);
  void take(const std::stop_token& stop);
  void release_all();
  void collect_due(std::vector<Receipt>& due, Held& one, std::int64_t now_ms,
                   std::int64_t& next_ms) const;
  void note_acked();
  void free_places(std::size_t count);
  void tell_refused(const MessageId& id, std::string_view why);

  Queue& queue_;
  const AdapterPlace& place_;
  const std::size_t window_;
  const std::int64_t extend_after_ms_;
  std::list<Held> handed_;       // of the calling thread, in order
  std::vector<Delivery> acked_;  // likewise: settled with kAck, not flushed
  std::uint64_t acked_bytes_ = 0;
  Bell bell_;

  std::mutex mutex_;  // guards all below
  std::condition_variable_any has_room_;
  std::deque<Held> taken_;
  std::size_t unsettled_ = 0;   // taken_, handed_ and acked_
  std::exception_ptr failure_;  // not told yet: nothing is taken meanwhile
  std::jthread waiting_;        // last: it uses the others
};

}  // namespace spoolmq::adapters

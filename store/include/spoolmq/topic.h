#pragma once
// Topics, and work in several queues that is done whole or not at all.
//
//   root.bind("orders.*", "billing");                      // durable: a subscription is a queue
//   root.send_to_topic("orders.eu", {.body = "hello"});    // into every queue that is bound
//
//   spoolmq::Transaction work = root.transaction();
//   work.send(answers, {.body = "done"});
//   work.send_to_topic("orders.done", {.body = "42"});
//   work.ack(questions, delivery->detach());
//   work.commit();
//
// A topic is words joined by '.', at most 255 bytes of printable ASCII without space, '*' and '#'.
// In the pattern of a binding a word may be `*` (any one word) or `#` (any number of words, none
// too). A message that goes to several queues has the same id in each; each queue has its own
// dedupe keys and ids.
//
// Threads: Root's functions are thread-safe; a Transaction belongs to one thread at a time.
// Errors: spoolmq::Error, as error.h says.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "spoolmq/queue.h"

namespace spoolmq {

struct Binding {
  std::string pattern;
  std::string queue;
  auto operator<=>(const Binding&) const = default;
};

// Limits of a topic, of a root's bindings, and of one transaction; what is over them is refused
// with kBadData (a transaction, bindings) or kUsage (a name) before anything is done.
inline constexpr std::size_t kMaxTopicBytes = 255;
inline constexpr std::size_t kMaxBindings = 10'000;
inline constexpr std::size_t kMaxTransactionSends = 10'000;  // a message counts once per queue
inline constexpr std::size_t kMaxTransactionAcks = 10'000;
inline constexpr std::size_t kMaxTransactionBytes = 64 << 20;  // bodies and headers, once each

// Whether a topic is one that a binding of this pattern takes. Both must be well-formed.
[[nodiscard]] bool topic_matches(std::string_view pattern, std::string_view topic);

// Where one message went.
struct Placed {
  std::string queue;
  SendResult result;
};

struct Committed {
  std::vector<std::vector<Placed>> sends;  // in the order of the calls; each in order of the names
  std::vector<LeaseOutcome> acks;          // in the order of the calls; never kLost
};

// Queues that the caller has open. nullptr: not this one; then it is opened for the time being,
// which costs more than sending does. What it returns must stay open until commit() is over.
using QueueSource = std::function<Queue*(std::string_view name)>;

// Sends and acknowledgements in any queues of one root. Nothing happens before commit(); without it
// nothing ever does.
class Transaction {
 public:
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) noexcept;
  ~Transaction();

  // The bodies are kept in memory until commit(). Rendezvous queues (capacity 0) are refused, a
  // full queue with overflow = block is as one with reject, SendOptions::dead is refused.
  void send(Queue& queue, Message message, const SendOptions& options = {});
  void send(std::string_view queue, Message message, const SendOptions& options = {});
  // To the queues that are bound now; returns how many these are. 0: it goes nowhere.
  std::size_t send_to_topic(std::string_view topic, Message message,
                            const SendOptions& options = {});
  void ack(Queue& queue, const Receipt& receipt);

  // On return everything is done and survives a power cut. Whatever is known to stand in the way is
  // refused before anything happened: a queue that is full or paused (kTryAgain), a body that a
  // queue's check refuses (kBadData), a lease that is over (kLeaseLost, naming its receipt). From
  // the commit point on, when the intent is durable, all of it happens whatever follows: an error
  // then is kIo, and whoever opens the root next, or `serve`, finishes it (the ids of the messages
  // keep it from happening twice; a lease that ends meanwhile changes nothing).
  // Once only.
  Committed commit();

 private:
  friend class Root;
  class Impl;
  explicit Transaction(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace spoolmq

#pragma once
// The library's front door: a Root holds queues, a Queue sends and receives, a Delivery is one
// message that this process has a lease on. Everything is durable on disk before a call that
// promises so returns; no daemon is needed.
//
//   auto root = spoolmq::Root::open("/var/spool/spoolmq");
//   spoolmq::Queue queue = root.open_queue("orders");
//   queue.send({.body = "hello"});
//   if (auto delivery = queue.receive()) { use(delivery->message()); delivery->ack(); }
//
// Threads: Queue is thread-safe; sends and acks of several threads share their syncs. A Delivery
// belongs to one thread at a time. After fork() the child's copies refuse every call.
// Errors: spoolmq::Error, as error.h says.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spoolmq/error.h"
#include "spoolmq/id.h"
#include "spoolmq/message.h"
#include "spoolmq/settings.h"

namespace spoolmq {

class Clock;
class Dir;
class QueueImpl;
class RootImpl;
class Tail;
class Transaction;
struct BackedUp;
struct BackupOptions;
struct BackupPlace;
struct Binding;
struct Placed;
struct Restored;
struct RestoreOptions;
struct TailOptions;

using Milliseconds = std::chrono::milliseconds;

// ---- Leases

// The token that names one lease. Text form: the id, a dot, 16 hex digits.
struct Receipt {
  MessageId id;
  std::uint64_t token = 0;
  [[nodiscard]] std::string text() const;
  static std::optional<Receipt> parse(std::string_view text);
  bool operator==(const Receipt&) const = default;
};

enum class LeaseKind : std::uint8_t {
  kBound,  // ends at its deadline or the moment this process dies
  kTimed,  // ends at its deadline only; durable before receive returns, usable by any process
};

struct Counters {
  std::int64_t deliveries = 0;
  std::int64_t failures = 0;
  std::int64_t redrives = 0;
};

// Reads a large body piece by piece; every byte has been verified when read() has returned 0.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // The bytes put into `into`; 0 at the end. Throws Error(kBadData) if the checksum is wrong.
  virtual std::size_t read(std::span<char> into) = 0;
};

// One message on lease. Destroying it unfinished releases the lease (no failure counted).
class Delivery {
 public:
  Delivery(Delivery&&) noexcept;
  Delivery& operator=(Delivery&&) noexcept;
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;
  ~Delivery();

  [[nodiscard]] const Message& message() const { return message_; }
  [[nodiscard]] const Receipt& receipt() const { return receipt_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  // The body, inline or large.
  [[nodiscard]] std::unique_ptr<BodyReader> open_body() const;

  // Each finishes the delivery; throws Error(kLeaseLost) if the lease had ended.
  void ack();
  void nack(std::string_view reason = {}, std::optional<Milliseconds> delay = {});
  void release();
  void reject(std::string_view reason = {});
  void extend(Milliseconds lease);  // from now; does not finish it
  // Leaves the lease running for whoever has the receipt; the destructor then does nothing.
  Receipt detach();

 private:
  friend class QueueImpl;
  Delivery(std::shared_ptr<QueueImpl> queue, Message message, Receipt receipt, Counters counters);
  std::shared_ptr<QueueImpl> queue_;  // null: finished
  Message message_;
  Receipt receipt_;
  Counters counters_;
};

// ---- Sending

// How well a queue remembers the ids that its senders gave: for its `id-window`, but
enum class IdMemory : std::uint8_t {
  kUsual,    // a power cut right behind the send may make it forget those of messages that are gone
  kDurable,  // from before the message itself is durable. Costs a sync more, of the index's log
};

struct SendOptions {
  std::optional<Format> format;          // default: the queue's
  std::optional<Durability> durability;  // default: the queue's
  // Bounded queues with overflow = block, and rendezvous: how long to wait. nullopt: for ever.
  std::optional<Milliseconds> timeout;
  IdMemory id_memory = IdMemory::kUsual;
  // Not empty: the message is dead from the start, for this reason, and nobody ever receives it. No
  // bound, pause or check of the queue refuses it.
  std::string dead = {};
};

struct SendResult {
  MessageId id;            // of the message in the queue: the earlier one's if it was a duplicate
  bool duplicate = false;  // the dedupe key or the id was known: nothing was added
};

// What became of a sent message; wait_settled tells.
enum class Settled : std::uint8_t { kAcked, kDead, kTimeout };

// What send_file may do with the file whose bytes become the body. Only a regular file with one
// name, on the queue's file system, is ever taken; any other is cloned or copied, as with kCopy.
enum class BodyFile : std::uint8_t {
  // It stays the caller's; its blocks are shared (FICLONE) where the file system can.
  kCopy,
  // Our own file, given up: it gets one more name, in the queue. It is read once, for its checksum.
  // The caller will unlink its own name; nobody will write to it again.
  kTake,
  // Likewise, whoever owns it, and unread: the time does not depend on the length. Whoever calls
  // vouches that nobody writes to it any more, now or later: damage to such a body is found only if
  // it changes its length (LargeBody::checksum is 0, FORMAT.md section 3).
  kTakeTrusted,
};

// A large body: `read` fills the span and returns the bytes put there, 0 at the end.
using BodySource = std::function<std::size_t(std::span<char>)>;

// ---- Receiving

struct ReceiveOptions {
  std::size_t max = 1;
  // 0: answer at once; nullopt: wait for ever.
  std::optional<Milliseconds> wait = Milliseconds{0};
  std::optional<Milliseconds> lease;  // default: the queue's
  LeaseKind kind = LeaseKind::kBound;
  std::string from;                      // only messages whose sender has this name; empty: any
  // Leases up to so many at once (one transaction of the index in place of so many), and hands them
  // out one by one: with max 1, bound leases, and no `from`. Those that are not handed out yet are
  // leased, too: nobody else gets them, whoever dies with them has failed with all of them, and
  // what becomes ready meanwhile comes behind them, whatever its priority. They go back to the
  // queue when half of their lease is over, or the queue is closed. Leases of less than 4 s are
  // taken one at a time.
  std::size_t prefetch = 1;
  std::string as;                        // a name for `consumers`
  std::function<bool()> cancelled = {};  // looked at between waits, at least every 250 ms
};

// What became of one receipt handed to ack, nack, …
enum class LeaseOutcome : std::uint8_t {
  kDone,
  kRepeated,   // that very receipt was acknowledged already: fine, where that was to be done
  kLost,       // stale, expired, or unknown
};

// ---- Looking

enum class State : std::uint8_t {
  kReady, kDelayed, kLeased, kHeld, kDead, kCorrupt, kArchived,
};
inline constexpr std::size_t kStateCount = 7;
std::string_view state_name(State state);
std::optional<State> parse_state(std::string_view name);

// One message as the index sees it. Never holds a body.
struct MessageStatus {
  MessageId id;
  State state = State::kReady;
  bool behind_key = false;      // ready, but an earlier message of its order key is not gone
  std::int64_t sequence = 0;    // index order
  std::uint16_t priority = 0;
  std::int64_t sent_at_ms = 0;
  std::int64_t due_ms = 0;      // delayed: wall clock; archived: when it will be removed; else 0
  std::int64_t expires_at_ms = 0;
  std::uint64_t size = 0;       // bytes of the body
  Counters counters;
  std::string reason;           // why it is dead, held, corrupt, or was nacked last
  Sender from;
  std::string order_key;
  bool os_durability = false;
  // Leased only:
  bool bound = false;
  std::uint32_t holder_pid = 0;       // as its handle stated it; shown, never tested
  std::int64_t lease_left_ms = 0;
  // Where its bytes are, relative to the queue's directory, and the record's place in it.
  std::string file;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct ScanOptions {
  std::vector<State> states;            // empty: all
  std::int64_t after_sequence = -1;     // the page starts behind it
  std::size_t limit = 1000;             // at most 1000 per page
};

struct StateCount {
  std::int64_t messages = 0;
  std::int64_t bytes = 0;
};

// What all processes did to a queue since its index was made; a rebuild begins again at 0.
struct QueueTotals {
  std::int64_t sent = 0;
  std::int64_t acked = 0;
  std::int64_t failures = 0;  // nacks, rejects, leases that expired or whose holder died
  std::int64_t dead = 0;      // became dead, for whatever reason
  // Of spool files and their directories by sends, and of the index's log. A handle tells its own
  // with its next change of the queue, and when it closes.
  std::int64_t syncs = 0;
  std::int64_t sync_us = 0;  // how long they took together
  std::int64_t longest_sync_us = 0;
};

struct QueueStats {
  StateCount states[kStateCount];
  [[nodiscard]] const StateCount& of(State state) const {
    return states[static_cast<std::size_t>(state)];
  }
  std::int64_t reserved = 0;             // places promised to sends that are under way
  std::int64_t oldest_ready_sent_ms = 0;  // 0: none
  std::uint64_t generation = 0;           // of the index
  std::uint64_t index_bytes = 0;
  std::uint64_t log_bytes = 0;            // of the index's write-ahead log
  std::int64_t segments = 0;              // spool files that may hold several messages
  QueueTotals totals;
  bool may_lag = false;  // this process cannot write here: unindexed sends are not counted
};

struct Consumer {
  std::uint32_t slot = 0;
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
  std::string host;
  std::string name;         // --as
  bool alive = false;
  bool observer = false;    // OpenOptions::observer
  bool waiting = false;
  std::int64_t opened_at_ms = 0;
  std::int64_t leases = 0;
  std::uint64_t unindexed_bytes = 0;
};

struct Pause {
  bool receive = false;
  bool send = false;
  std::int64_t until_ms = 0;  // wall clock; 0: until resumed
  std::string reason;
  std::string by;             // user name of who paused it
};

// ---- Fixing

struct FixResult {
  std::vector<MessageId> changed;
  std::size_t skipped_leased = 0;
  std::size_t skipped_other = 0;   // in a state that this act does not apply to
  std::vector<MessageId> missing;  // no such message
};

struct FsckFinding {
  std::string what;  // "index" "message" "file" "temporary" "verdicts" "permissions"
  std::string where;
  std::string why;
  bool repaired = false;
};
enum class FsckMode : std::uint8_t { kLook, kRepair, kRebuildIndex };

struct OpenOptions {
  // How long to wait for a record lock before Error(kTryAgain) naming its holder.
  Milliseconds lock_wait{10'000};
  std::string name;       // --as: who this process says it is
  bool one_shot = false;  // a short-lived command: leaves no clean mark behind
  // Looks, fixes and sweeps only: sending and receiving are refused (kUsage). In return remove_queue
  // does not count it: whoever must watch every queue does not keep any from being removed.
  bool observer = false;
  // A thread of its own indexes, seals and cleans up; without it, only calls and close() do.
  bool background = true;
  std::shared_ptr<Clock> clock = {};  // default: the system's
};

class Queue {
 public:
  Queue(Queue&&) noexcept;
  Queue& operator=(Queue&&) noexcept;
  ~Queue();  // close(), errors logged

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const std::string& path() const;
  [[nodiscard]] Settings settings() const;

  // On return the message survives a power cut (durability sync) or kill -9 (os).
  MessageId send(Message message, const SendOptions& options = {});
  SendResult send_checked(Message message, const SendOptions& options = {});
  // In this order, with a handful of syncs for all of them.
  std::vector<SendResult> send_batch(std::vector<Message> messages,
                                     const SendOptions& options = {});
  // Streams a body of any length; goes inline if it turns out to fit.
  SendResult send_stream(Message message, const BodySource& source,
                         const SendOptions& options = {});
  // The body is what the descriptor's file holds, from its beginning.
  SendResult send_file(Message message, int body_descriptor, BodyFile how,
                       const SendOptions& options = {});
  // nullopt: wait for ever.
  Settled wait_settled(const MessageId& id, std::optional<Milliseconds> timeout);
  // Takes a message back that nobody has: true, and durable, if it was ready or delayed and is gone
  // now; false if it is leased, held, dead or not there any more.
  bool withdraw(const MessageId& id);

  std::optional<Delivery> receive(const ReceiveOptions& options = {});  // options.max is 1 here
  std::vector<Delivery> receive_batch(const ReceiveOptions& options);
  void ack_batch(std::span<Delivery> deliveries);  // one transaction, one sync; throws like ack()
  // ack_batch and receive_batch, with one sync, and in one transaction or side by side: for whoever
  // works on one batch after the other. Before it returns, or begins to wait for the next, those
  // that are done are acknowledged, durably. Error(kLeaseLost): some leases had ended; the others
  // are acknowledged, and nothing is received. Any other error may be that of either half.
  std::vector<Delivery> ack_and_receive(std::span<Delivery> done, const ReceiveOptions& options);
  // They are another queue's now, and durable there: finishes them all as ack_batch does, but
  // nothing is archived, and their ids and dedupe keys are forgotten here, so that they may come
  // back.
  std::vector<LeaseOutcome> pass_on(std::span<Delivery> deliveries);

  // By receipt, from any process. Outcomes stand in the order of the receipts.
  std::vector<LeaseOutcome> ack(std::span<const Receipt> receipts);
  std::vector<LeaseOutcome> nack(std::span<const Receipt> receipts, std::string_view reason = {},
                                 std::optional<Milliseconds> delay = {});
  std::vector<LeaseOutcome> release(std::span<const Receipt> receipts);
  std::vector<LeaseOutcome> extend(std::span<const Receipt> receipts,
                                   std::optional<Milliseconds> lease = {});
  std::vector<LeaseOutcome> reject(std::span<const Receipt> receipts,
                                   std::string_view reason = {});

  // Looking: no lease, no change.
  QueueStats stats();
  std::vector<MessageStatus> scan(const ScanOptions& options);  // one page, in index order
  std::vector<MessageStatus> next_ready(std::size_t limit);     // in the order of delivery
  std::optional<MessageStatus> status(const MessageId& id);
  std::vector<MessageId> find_by_tail(std::string_view id_tail);  // ≥ 6 hexadecimal characters
  // Verified bytes of a message in any state; nullopt: no such message; Error(kBadData): corrupt.
  std::optional<Message> load(const MessageId& id);
  std::unique_ptr<BodyReader> open_body(const Message& message);
  // Every message that is sent from now on, as it comes: <spoolmq/tail.h>.
  Tail tail();
  Tail tail(const TailOptions& options);
  std::vector<Consumer> consumers();
  // One line per reason that keeps the message (nil: the queue) from moving, most blocking first.
  std::vector<std::string> why(const MessageId& id);
  std::vector<std::string> trace(const MessageId& id);  // history lines (JSON), oldest first
  std::optional<Pause> paused();

  // Fixing: durable on return.
  FixResult requeue(std::span<const MessageId> ids, bool reset_redrives = false);
  FixResult hold(std::span<const MessageId> ids, std::string_view reason);
  FixResult unhold(std::span<const MessageId> ids);
  FixResult revoke(std::span<const MessageId> ids);
  FixResult remove(std::span<const MessageId> ids);  // command `delete`; any state but leased
  void pause(const Pause& pause);
  void resume();
  void configure(std::span<const SettingText> changes);  // rewrites queue.toml durably
  std::vector<FsckFinding> fsck(FsckMode mode);

  // Unlinks what is acknowledged, writes verdicts, moves what is due; also done on its own.
  void maintain();
  // What somebody does for a queue every 250 ms: leases that are over and those of dead processes
  // return, what is due becomes ready, what expired goes dead, what is durable gets its rows, what
  // is settled is cleaned up; waiting receivers hear of it. Waits for a lock 50 ms, and for cleaning
  // up lock_wait, before it leaves the rest to the next call (then Error(kTryAgain)). From the first call until close() this handle is the
  // queue's watcher, if no waiting receiver is: call it again at least every 250 ms.
  // Where nothing happens it costs a few system calls, writes nothing and syncs nothing.
  // Throws Error(kNotFound) once the queue was removed: close this handle then.
  void sweep();
  // A descriptor whose inheritance by a child keeps this handle's bound leases alive.
  [[nodiscard]] int lease_descriptor() const;
  void close();

 private:
  friend class Root;
  friend class Transaction;
  explicit Queue(std::shared_ptr<QueueImpl> impl);
  std::shared_ptr<QueueImpl> impl_;
};

enum class Force : std::uint8_t { kNo, kYes };
enum class Created : std::uint8_t { kNew, kSameExists };

class Root {
 public:
  // Makes the directory (0700) if missing. Throws Error(kConfiguration) on a file system that is
  // not known to work, unless forced.
  static Root open(const std::string& path, Force force = Force::kNo);
  // $SPOOLMQ_ROOT, else /var/spool/spoolmq for the superuser, else $XDG_STATE_HOME/spoolmq.
  static std::string default_path();
  // For tests: a root on any directory.
  static Root open(std::shared_ptr<Dir> directory, std::shared_ptr<Clock> clock);

  [[nodiscard]] const std::string& path() const;
  // kSameExists: it is there with equal settings. Error(kCannotCreate): with different ones.
  Created create_queue(std::string_view name, const Settings& settings = {});
  // Error(kNotFound) where there is none.
  Queue open_queue(std::string_view name, const OpenOptions& options = {});
  [[nodiscard]] bool has_queue(std::string_view name);
  std::vector<std::string> queues();  // sorted
  // Refuses (kTryAgain) a queue with messages or open handles (observers' excepted) unless forced.
  void remove_queue(std::string_view name, Force force = Force::kNo);

  // All or nothing per batch through an intent file that recovery rolls forward.
  FixResult move(Queue& from, std::span<const MessageId> ids, Queue& to);
  FixResult copy(Queue& from, std::span<const MessageId> ids, Queue& to);

  // Topics, and work in several queues at once: <spoolmq/topic.h>.
  // Durable on return; nothing if it is there already. Error(kNotFound): no such queue.
  void bind(std::string_view pattern, std::string_view queue);
  // Durable on return. False: there is no such binding.
  bool unbind(std::string_view pattern, std::string_view queue);
  std::vector<Binding> bindings();  // sorted
  // Of the queues that are there, each once, sorted: those with a binding that takes the topic.
  std::vector<std::string> queues_of_topic(std::string_view topic);
  // A transaction of this one send. Returns where it went; empty: no queue is bound.
  std::vector<Placed> send_to_topic(std::string_view topic, Message message,
                                    const SendOptions& options = {});
  using OpenedQueue = std::function<Queue*(std::string_view name)>;  // QueueSource in topic.h
  Transaction transaction(const OpenedQueue& opened = {});

  // Backups: <spoolmq/backup.h>.
  // These queues (none: every one) go to `destination`, which is made: Error(kCannotCreate) if it
  // is there, kUsage if it is inside the root, kNotFound for a queue that is not there.
  std::vector<BackedUp> back_up(std::span<const std::string> wanted, const std::string& destination,
                                const BackupOptions& options);
  std::vector<BackedUp> back_up(std::span<const std::string> wanted, const BackupPlace& destination,
                                const BackupOptions& options);
  // All queues of a backup, or none: Error(kBadData) if it is no backup or damaged, kCannotCreate
  // if one of its queues is here. A kill in the middle of several can leave some, each whole.
  std::vector<Restored> restore(const std::string& source, const RestoreOptions& options);
  std::vector<Restored> restore(const BackupPlace& source, const RestoreOptions& options);

  // Finishes what processes that died had committed, moves among it. Root::open does this too;
  // whoever lives long calls it now and then. Nothing to do costs one look at a directory.
  void roll_forward();

 private:
  std::shared_ptr<RootImpl> impl_;
  explicit Root(std::shared_ptr<RootImpl> impl);
};

}  // namespace spoolmq

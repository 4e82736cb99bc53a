#pragma once
// Watches a queue: every message that is sent to it, once, without a lease and without changing
// anything. What is in the hot cache comes from there, verified, without a system call; whatever
// the cache cannot vouch for comes from the index and the spool files.
//
//   spoolmq::Tail tail = queue.tail();
//   while (const spoolmq::TailMessage* message = tail.wait(std::nullopt)) use(message->body());
//
// Order: of one sender exact; of several as they were published, but what had to be read from disk
// comes in index order. A message that was acknowledged and removed before a tail that fell behind
// could read it from disk is gone: counts().gone and counts().gaps say so. After a rebuild of the
// index messages sent before the last look at it are not told again.
// Belongs to one thread at a time. Errors: those of Queue's looking functions.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "spoolmq/message.h"
#include "spoolmq/queue.h"

namespace spoolmq {

struct TailOptions {
  // kNow: what is sent from now on. kOldest: first everything that the queue holds.
  enum class Start : std::uint8_t { kNow, kOldest };
  Start start = Start::kNow;
  // Begins behind this message instead; if the queue no longer has it, with younger ids.
  std::optional<MessageId> after = {};
};

class TailMessage {
 public:
  enum class Source : std::uint8_t { kHotCache, kDisk };

  [[nodiscard]] const MessageId& id() const { return id_; }
  // Empty for a large body: Queue::open_body(message()) reads that.
  [[nodiscard]] std::string_view body() const { return body_; }
  // Headers and all; made at the first call.
  [[nodiscard]] const Message& message() const;
  [[nodiscard]] Source source() const { return source_; }
  // As it was when it was published (from disk: when it was read).
  [[nodiscard]] bool is_delayed() const { return delayed_; }
  [[nodiscard]] bool has_expired() const { return expired_; }
  // Its sender waits for a receiver and takes it back if none comes.
  [[nodiscard]] bool is_rendezvous() const { return rendezvous_; }
  // Its spool file, relative to the queue's directory.
  [[nodiscard]] std::string file() const;

 private:
  friend class TailImpl;
  MessageId id_;
  std::string_view body_;
  const class TailImpl* tail_ = nullptr;
  mutable std::optional<Message> message_;
  Source source_ = Source::kDisk;
  bool delayed_ = false;
  bool expired_ = false;
  bool rendezvous_ = false;
};

struct TailCounts {
  std::uint64_t from_hot_cache = 0;
  std::uint64_t from_disk = 0;
  std::uint64_t gaps = 0;  // how often the index had to be asked what the cache did not know
  std::uint64_t gone = 0;  // known by name, but acknowledged and removed before it was read
};

class Tail {
 public:
  Tail(Tail&&) noexcept;
  Tail& operator=(Tail&&) noexcept;
  ~Tail();

  // The next message if one is there, else nullptr; it stays valid until the next call. Looks at
  // the disk only after a gap, and every 250 ms in case the cache missed something.
  const TailMessage* poll();
  // The same, and sleeps where there is none; nullptr after `timeout` (nullopt: never), or when
  // `cancelled`, asked at least every 250 ms, says so.
  const TailMessage* wait(std::optional<Milliseconds> timeout,
                          const std::function<bool()>& cancelled = {});

  // Of the last message returned; nil before the first. TailOptions::after goes on from there.
  [[nodiscard]] MessageId position() const;
  [[nodiscard]] TailCounts counts() const;
  // Whether messages come from shared memory at the moment.
  [[nodiscard]] bool is_hot() const;

 private:
  friend class Queue;
  explicit Tail(std::unique_ptr<class TailImpl> impl);
  std::unique_ptr<class TailImpl> impl_;
};

}  // namespace spoolmq

#pragma once
// Fetches messages by their place, verified: what it returns carries the right checksum (I5).
// Neighbouring records of one file are read together. Thread-safe.

#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <variant>
#include <vector>

#include "spoolmq/message.h"
#include "spoolmq/queue.h"
#include "store/index.h"
#include "store/queue_dir.h"

namespace spoolmq {

enum class Damage : std::uint8_t {
  kMissing,   // no such file, it ends before the record, or nothing was ever written there
  kChecksum,  // the bytes do not verify
  kOther,     // they verify, but are another message: the index is wrong
};
using Loaded = std::variant<Message, Damage>;

class SpoolReader {
 public:
  explicit SpoolReader(QueueDir& dir) : dir_(dir) {}

  struct Wanted {
    MessageId id;
    Location at;
  };
  // One result per wanted message, in their order.
  std::vector<Loaded> load(std::span<const Wanted> wanted);
  Loaded load(const MessageId& id, const Location& at);

  // A body kept beside its spool file. Error(kNotFound) if it is gone.
  std::unique_ptr<BodyReader> open_body(const MessageId& file, const LargeBody& body);
  // The bytes of a spool file, for keeping damaged ones: at most `length` from `offset`.
  std::vector<std::byte> raw(const Location& at, std::uint64_t longest);

  // The spool file itself, kept open for the next time; nullptr: there is none.
  std::shared_ptr<File> open(const Location& at);

  void forget(const MessageId& file);  // it is about to be unlinked

 private:
  Loaded load_xml(const MessageId& id, const Location& at);

  QueueDir& dir_;
  std::mutex mutex_;  // guards the cache: most recently used first
  std::list<std::pair<MessageId, std::shared_ptr<File>>> open_;
};

}  // namespace spoolmq

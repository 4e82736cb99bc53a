#pragma once
// How a Tail misses nothing: it reads the ring, and whenever the ring leaves a doubt it reads on in
// the index, from where it last knew everything, before it goes on in the ring.
//
//   mark_    every row up to this sequence was delivered, or is not to be
//   recent_  ids that came from the ring since: their rows, behind mark_, are known already; and
//            what was told of messages younger than the last pass, for a rebuild numbers rows anew
//   early_   ids that came from the index and may still come through the ring
//
// A message has its row, or is harvested, before its ticket is taken; so at the end of a pass over
// the index every id of recent_ has a row that the pass has seen or that is gone, and mark_ may
// move there. Both sets stay bounded: a pass follows after kMostRecent messages from the ring, and
// early_ forgets the oldest, which a writer stopped for so long would deliver once more.

#include <deque>
#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

#include "spoolmq/tail.h"
#include "store/hot_cache_reader.h"
#include "store/queue_impl.h"

namespace spoolmq {

class TailImpl {
 public:
  TailImpl(std::shared_ptr<QueueImpl> queue, const TailOptions& options);

  const TailMessage* poll();
  const TailMessage* wait(std::optional<Milliseconds> timeout,
                          const std::function<bool()>& cancelled);

  [[nodiscard]] const MessageId& position() const { return position_; }
  [[nodiscard]] const TailCounts& counts() const { return counts_; }
  [[nodiscard]] bool is_hot() const { return reader_.has_value(); }
  // Of the message that was returned last.
  [[nodiscard]] Message decode_current() const;
  [[nodiscard]] const Location& where() const { return where_; }

 private:
  const TailMessage* next(HotCacheReader::Look look);
  const TailMessage* next_of_ring(HotCacheReader::Look look);
  const TailMessage* next_of_index();
  const TailMessage* take_from_ring();
  const TailMessage* take_from_disk(const MessageId& id, const Location& at, bool delayed);
  bool came_early(const MessageId& id);
  void remember_early(const MessageId& id);
  bool read_page();
  bool is_wanted(const QueueImpl::TailRow& row) const;
  void begin_pass();
  void attach();
  void detach(Milliseconds pause);
  void look_around();
  void sleep(Milliseconds longest, std::uint32_t bell);

  std::shared_ptr<QueueImpl> queue_;
  std::optional<HotCacheReader> reader_;
  std::int64_t attach_at_ns_ = 0;  // not before
  std::uint64_t breaks_ = 0;       // of the ring, when the last pass began
  int gaps_in_row_ = 0;            // without a message between them
  std::uint32_t idle_polls_ = 0;
  std::int64_t look_around_at_ns_ = 0;

  bool in_pass_ = false;
  std::int64_t mark_ = -1;
  std::uint64_t generation_ = 0;
  std::int64_t pass_began_ms_ = 0;   // wall clock: the running one
  std::int64_t known_until_ms_ = 0;  // wall clock: where the last whole one began
  std::optional<MessageId> only_after_;
  QueueImpl::IndexState state_;
  std::deque<QueueImpl::TailRow> rows_;  // of the pass, not delivered yet
  std::vector<MessageId> recent_;
  std::unordered_set<MessageId> recent_set_;  // recent_, during a pass
  std::deque<MessageId> early_order_;
  std::unordered_set<MessageId> early_;

  TailMessage current_;
  MessageId position_;
  Location where_;
  TailCounts counts_;
};

}  // namespace spoolmq

#pragma once
// The reader's side of a hot ring. Readers leave no trace: no writer waits for one, and a slow one
// is lapped. Nothing that stands in the ring is trusted before a private copy of it has verified;
// every doubt is a miss.
// Belongs to one thread at a time.

#include <cstdint>
#include <memory>
#include <vector>

#include "core/record_codec.h"
#include "store/hot_cache.h"
#include "store/hot_cache_words.h"
#include "store/index.h"

namespace spoolmq {

class HotCacheReader {
 public:
  enum class Got : std::uint8_t {
    kNothing,
    kMessage,        // whole, in record()
    kPayloadMissed,  // its bytes are no longer here, or never were: where() says which file has it
    kGap,            // one or more messages were missed: the index knows them
  };
  // kQuick looks at the next message's slot alone. kThorough also finds out that its ticket is
  // taken and nothing comes of it: do so now and then while there is nothing, and before sleeping.
  enum class Look : std::uint8_t { kQuick, kThorough };

  // Begins with what is published after this call.
  explicit HotCacheReader(std::shared_ptr<HotRing> ring);

  Got read(Look look);

  // After kMessage and kPayloadMissed.
  [[nodiscard]] const MessageId& id() const { return words_.id; }
  [[nodiscard]] Location where() const;
  [[nodiscard]] std::uint32_t marks() const { return words_.marks; }
  // After kMessage, until the next read: the record, verified, in memory of this object.
  [[nodiscard]] const record::View& record() const { return view_; }

  // Something may come, or is coming: do not sleep. Thorough.
  bool is_quiet();
  HotRing& ring() { return *ring_; }
  // The next message's ticket; messages up to it were read, missed or told as gaps.
  [[nodiscard]] std::uint64_t position() const { return position_; }

 private:
  Got take();
  Got leap(std::uint64_t newest);
  Got look_behind();
  bool copy_record();

  std::shared_ptr<HotRing> ring_;
  std::uint64_t position_;
  std::uint64_t doubtful_ticket_ = 0;   // taken, and nothing there yet …
  std::int64_t doubtful_since_ns_ = 0;  // … since
  hot_cache::SlotWords words_;
  std::vector<std::uint64_t> copy_;
  record::View view_;
};

}  // namespace spoolmq

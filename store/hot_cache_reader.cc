#include "store/hot_cache_reader.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/futex.h"

namespace spoolmq {
namespace {

using namespace hot_cache;

// How long a writer may take from its ticket to its message before readers ask the index instead.
// The slot stays his; this only ends a reader's patience.
constexpr std::int64_t kPatienceNs = 200'000;

constexpr std::size_t kLineBytes = 64;
constexpr std::size_t kMostAheadBytes = 2048;
// A longer record is not copied for nothing, if the arena's counter says it is gone.
constexpr std::size_t kLongRecordBytes = 4096;

// Where the record probably is that follows one; it comes while the slot's words do. From its end,
// as it will be copied.
void prefetch_behind(HotRing& ring, const SlotWords& last) {
  if (last.place == kNoPlace) return;
  const std::size_t bytes = std::min<std::size_t>(last.length, kMostAheadBytes);
  for (std::size_t left = bytes; left > 0; left -= std::min(left, kLineBytes)) {
    prefetch_to_read(&ring.arena_word(last.place + last.length + left - kWordBytes));
  }
}

}  // namespace

HotCacheReader::HotCacheReader(std::shared_ptr<HotRing> ring)
    : ring_(std::move(ring)), position_(std::atomic_ref(ring_->next_ticket()).load()) {}

Location HotCacheReader::where() const {
  const bool xml = (words_.marks & kXml) != 0;
  if (xml) return {words_.file, names::SpoolKind::kXml, 0, 0};
  return {words_.file, names::SpoolKind::kBinary, words_.offset, words_.length};
}

HotCacheReader::Got HotCacheReader::read(Look look) {
  const std::uint64_t state =
      std::atomic_ref(ring_->state(position_)).load(std::memory_order_acquire);
  if (state == state_of(position_, kCommitted)) return take();
  if (ticket_of(state) > position_) {
    return leap(std::atomic_ref(ring_->next_ticket()).load(std::memory_order_relaxed));
  }
  if (state == state_of(position_, kAbandoned)) {
    ++position_;
    return Got::kGap;
  }
  return look == Look::kQuick ? Got::kNothing : look_behind();
}

// The slot is another's still, or half written.
HotCacheReader::Got HotCacheReader::look_behind() {
  const std::uint64_t newest = std::atomic_ref(ring_->next_ticket()).load();
  if (newest == position_) return Got::kNothing;
  if (newest < position_ || newest - position_ > ring_->size().slots) return leap(newest);
  const std::int64_t now = monotonic_ns();
  if (doubtful_ticket_ != position_) {
    doubtful_ticket_ = position_;
    doubtful_since_ns_ = now;
  }
  if (now - doubtful_since_ns_ < kPatienceNs) return Got::kNothing;
  ++position_;
  return Got::kGap;
}

// Lapped, or the ring says what cannot be: on to what will not be overwritten at once.
HotCacheReader::Got HotCacheReader::leap(std::uint64_t newest) {
  const std::uint64_t kept = ring_->size().slots - ring_->size().slots / 8;
  const std::uint64_t oldest = newest > kept ? newest - kept : kFirstTicket;
  position_ = newest > position_ ? std::max(position_ + 1, oldest) : std::max(newest, kFirstTicket);
  return Got::kGap;
}

HotCacheReader::Got HotCacheReader::take() {
  prefetch_behind(*ring_, words_);
  SlotWords::Raw raw;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    raw[i] = std::atomic_ref(ring_->slot_word(position_, i)).load(std::memory_order_relaxed);
  }
  const std::optional<SlotWords> words = SlotWords::decode(raw, position_);
  if (!words) {
    // Overwritten while we copied, or scribbled over.
    const std::uint64_t newest = std::atomic_ref(ring_->next_ticket()).load();
    return leap(newest);
  }
  words_ = *words;
  ++position_;
  return copy_record() ? Got::kMessage : Got::kPayloadMissed;
}

bool HotCacheReader::copy_record() {
  if (words_.place == kNoPlace || words_.length > ring_->size().arena_bytes) return false;
  // Whoever was given these bytes again has begun to overwrite them, or will.
  if (words_.length > kLongRecordBytes) {
    const std::uint64_t given =
        std::atomic_ref(ring_->arena_given()).load(std::memory_order_relaxed);
    if (given - words_.place > ring_->size().arena_bytes) return false;
  }
  const std::size_t count = words_.length / kWordBytes;
  if (copy_.size() < count) copy_.resize(count);
  // From its end: what the processor then reads ahead are older records, not the lines that the
  // writer is about to fill.
  for (std::size_t i = count; i-- > 0;) {
    copy_[i] = std::atomic_ref(ring_->arena_word(words_.place + i * kWordBytes))
                   .load(std::memory_order_relaxed);
  }
  const auto bytes = std::as_bytes(std::span(copy_).first(count));
  const std::optional<record::View> view = record::verify(bytes, words_.file, words_.offset);
  if (!view || view->id != words_.id || view->size != bytes.size()) return false;
  view_ = *view;
  return true;
}

bool HotCacheReader::is_quiet() {
  return std::atomic_ref(ring_->next_ticket()).load() == position_;
}

}  // namespace spoolmq

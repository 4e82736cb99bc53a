#include "spoolmq/tail.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "core/check.h"
#include "core/futex.h"
#include "core/names.h"
#include "store/tail_impl.h"

namespace spoolmq {
namespace {

using Got = HotCacheReader::Got;
using Look = HotCacheReader::Look;

constexpr std::size_t kMostRecent = 32'768;
constexpr std::size_t kMostEarly = 65'536;
constexpr std::size_t kRowsPerPage = 250;
constexpr std::uint32_t kPollsPerThoroughLook = 64;
constexpr std::uint32_t kPollsPerClockLook = 4096;
constexpr int kMostGapsInRow = 8;
constexpr Milliseconds kLookAround{250};
constexpr Milliseconds kDistrust{1000};
constexpr std::int64_t kNsPerMs = 1'000'000;

}  // namespace

TailImpl::TailImpl(std::shared_ptr<QueueImpl> queue, const TailOptions& options)
    : queue_(std::move(queue)) {
  attach();
  // What is published from here on comes through the ring; what the index knows by now is past.
  const QueueImpl::TailPage now = queue_->tail_page(-1, 1);
  generation_ = now.generation;
  known_until_ms_ = queue_->wall_ms();
  static_cast<void>(queue_->has_stirred(state_));
  mark_ = now.last_sequence;
  if (options.after) {
    const std::optional<MessageStatus> known = queue_->status(*options.after);
    mark_ = known ? known->sequence : -1;
    if (!known) only_after_ = options.after;
  } else if (options.start == TailOptions::Start::kOldest) {
    mark_ = -1;
  }
  if (mark_ != now.last_sequence) {
    known_until_ms_ = 0;
    begin_pass();
  }
  look_around_at_ns_ = monotonic_ns() + kLookAround.count() * kNsPerMs;
}

// ---- The ring

void TailImpl::attach() {
  const std::int64_t now = monotonic_ns();
  if (now < attach_at_ns_) return;
  attach_at_ns_ = now + kLookAround.count() * kNsPerMs;
  if (std::shared_ptr<HotRing> ring = queue_->hot_ring()) {
    breaks_ = std::atomic_ref(ring->breaks()).load();
    reader_.emplace(std::move(ring));
    gaps_in_row_ = 0;
  }
}

void TailImpl::detach(Milliseconds pause) {
  reader_.reset();
  attach_at_ns_ = monotonic_ns() + pause.count() * kNsPerMs;
}

const TailMessage* TailImpl::next_of_ring(Look look) {
  while (true) {
    switch (reader_->read(look)) {
      case Got::kNothing:
        return nullptr;
      case Got::kMessage:
        gaps_in_row_ = 0;
        if (came_early(reader_->id())) continue;
        return take_from_ring();
      case Got::kPayloadMissed: {
        const MessageId id = reader_->id();
        if (came_early(id)) continue;
        recent_.push_back(id);
        const bool delayed = (reader_->marks() & hot_cache::kDelayed) != 0;
        if (const TailMessage* message = take_from_disk(id, reader_->where(), delayed)) {
          return message;
        }
        if (in_pass_) return nullptr;
        continue;
      }
      case Got::kGap:
        ++counts_.gaps;
        // Contents that make no sense are left alone for a while.
        if (++gaps_in_row_ > kMostGapsInRow) detach(kDistrust);
        begin_pass();
        return nullptr;
    }
  }
}

const TailMessage* TailImpl::take_from_ring() {
  const record::View& record = reader_->record();
  current_.id_ = record.id;
  current_.body_ = {reinterpret_cast<const char*>(record.body.data()), record.body.size()};
  current_.tail_ = this;
  current_.message_.reset();
  current_.source_ = TailMessage::Source::kHotCache;
  current_.delayed_ = (reader_->marks() & hot_cache::kDelayed) != 0;
  current_.expired_ = (reader_->marks() & hot_cache::kExpired) != 0;
  current_.rendezvous_ = (reader_->marks() & hot_cache::kRendezvous) != 0;
  where_ = reader_->where();
  position_ = record.id;
  recent_.push_back(record.id);
  if (recent_.size() >= kMostRecent) begin_pass();
  ++counts_.from_hot_cache;
  return &current_;
}

bool TailImpl::came_early(const MessageId& id) { return !early_.empty() && early_.erase(id) > 0; }

void TailImpl::remember_early(const MessageId& id) {
  if (!reader_ || !early_.insert(id).second) return;
  early_order_.push_back(id);
  if (early_order_.size() <= kMostEarly) return;
  early_.erase(early_order_.front());
  early_order_.pop_front();
}

// ---- The index

void TailImpl::begin_pass() {
  if (in_pass_) return;
  in_pass_ = true;
  pass_began_ms_ = queue_->wall_ms();
  if (reader_) breaks_ = std::atomic_ref(reader_->ring().breaks()).load();
  static_cast<void>(queue_->has_stirred(state_));
  recent_set_.insert(recent_.begin(), recent_.end());
  std::erase_if(recent_, [this](const MessageId& id) { return id.time_ms() < pass_began_ms_; });
}

bool TailImpl::is_wanted(const QueueImpl::TailRow& row) const {
  if (row.state == RowState::kCorrupt || recent_set_.contains(row.id)) return false;
  if (only_after_ && !(*only_after_ < row.id)) return false;
  // Rows that were renumbered, by a requeue or a rebuild, were told under their former number.
  return !row.redriven || row.id.time_ms() >= known_until_ms_;
}

// The next rows of the pass; false at its end.
bool TailImpl::read_page() {
  QueueImpl::TailPage page = queue_->tail_page(mark_, kRowsPerPage);
  if (page.generation != generation_) {
    generation_ = page.generation;
    mark_ = -1;
    page = queue_->tail_page(mark_, kRowsPerPage);
    // What was sent before the last pass is not told again; what came since is known by its id.
    if (!only_after_ && known_until_ms_ > 0) {
      std::array<std::uint8_t, MessageId::kBytes> floor{};
      for (std::size_t i = 0; i < 6; ++i) {
        floor[i] = static_cast<std::uint8_t>(known_until_ms_ >> (40 - 8 * i));
      }
      only_after_ = MessageId(floor);
    }
  }
  if (page.rows.empty()) {
    mark_ = std::max(mark_, page.last_sequence);
    return false;
  }
  for (const QueueImpl::TailRow& row : page.rows) {
    mark_ = row.sequence;
    if (!is_wanted(row)) continue;
    remember_early(row.id);
    rows_.push_back(row);
  }
  return true;
}

const TailMessage* TailImpl::next_of_index() {
  while (in_pass_) {
    while (!rows_.empty()) {
      const QueueImpl::TailRow row = rows_.front();
      rows_.pop_front();
      if (row.id.time_ms() >= pass_began_ms_) recent_.push_back(row.id);
      const TailMessage* const message =
          take_from_disk(row.id, row.at, row.state == RowState::kDelayed);
      if (message != nullptr) return message;
    }
    if (read_page()) continue;
    in_pass_ = false;
    only_after_.reset();
    known_until_ms_ = pass_began_ms_;
    recent_set_.clear();
  }
  return nullptr;
}

const TailMessage* TailImpl::take_from_disk(const MessageId& id, const Location& at, bool delayed) {
  ++counts_.gone;  // until it is there; so an I/O error that is thrown counts, too
  std::optional<Message> message = queue_->load_at(id, at);
  if (!message) return nullptr;
  --counts_.gone;
  current_.id_ = id;
  current_.message_ = std::move(message);
  current_.body_ = current_.message_->body;
  current_.tail_ = this;
  current_.source_ = TailMessage::Source::kDisk;
  current_.delayed_ = delayed;
  const std::int64_t expires_ms = current_.message_->expires_at_ms;
  current_.expired_ = expires_ms != 0 && expires_ms <= queue_->wall_ms();
  current_.rendezvous_ = queue_->is_rendezvous();
  where_ = at;
  position_ = id;
  ++counts_.from_disk;
  return &current_;
}

// ---- Both

const TailMessage* TailImpl::next(Look look) {
  while (true) {
    if (const TailMessage* message = next_of_index()) return message;
    if (!reader_) return nullptr;
    if (const TailMessage* message = next_of_ring(look)) return message;
    if (!in_pass_) return nullptr;
  }
}

// Now and then, while nothing comes: what nobody told us.
void TailImpl::look_around() {
  const std::int64_t now = monotonic_ns();
  if (reader_ && reader_->ring().is_retired()) {
    detach(Milliseconds{0});
    attach();
    begin_pass();
  } else if (reader_ && std::atomic_ref(reader_->ring().breaks()).load() != breaks_) {
    ++counts_.gaps;
    begin_pass();
  }
  if (reader_ && now < look_around_at_ns_) return;  // without a ring there is only the index
  look_around_at_ns_ = now + kLookAround.count() * kNsPerMs;
  if (reader_ && !queue_->is_current(reader_->ring())) detach(Milliseconds{0});
  if (!reader_) attach();
  QueueImpl::IndexState seen = state_;
  if (queue_->has_stirred(seen)) begin_pass();
}

const TailMessage* TailImpl::poll() {
  const bool thorough = ++idle_polls_ % kPollsPerThoroughLook == 0;
  if (const TailMessage* message = next(thorough ? Look::kThorough : Look::kQuick)) return message;
  if (!reader_ || idle_polls_ % kPollsPerClockLook == 0 ||
      (thorough && (reader_->ring().is_retired() ||
                    std::atomic_ref(reader_->ring().breaks()).load() != breaks_))) {
    look_around();
    return next(Look::kThorough);
  }
  return nullptr;
}

const TailMessage* TailImpl::wait(std::optional<Milliseconds> timeout,
                                  const std::function<bool()>& cancelled) {
  const std::int64_t began = monotonic_ns();
  while (true) {
    const std::uint32_t bell = queue_->bell().prepare();
    if (const TailMessage* message = next(Look::kThorough)) return message;
    look_around();
    if (const TailMessage* message = next(Look::kThorough)) return message;
    const std::int64_t waited_ms = (monotonic_ns() - began) / kNsPerMs;
    if (timeout && waited_ms >= timeout->count()) return nullptr;
    if (cancelled && cancelled()) return nullptr;
    Milliseconds longest = kLookAround;
    if (timeout) longest = std::min(longest, *timeout - Milliseconds{waited_ms});
    sleep(longest, bell);
  }
}

// Without a ring every ring of the bell, acknowledgements too, is a reason to look.
void TailImpl::sleep(Milliseconds longest, std::uint32_t bell) {
  if (!reader_) {
    queue_->bell().wait(bell, longest);
    return;
  }
  HotRing& ring = reader_->ring();
  std::atomic_ref<std::uint32_t>(ring.sleepers()).exchange(1);
  // Pairs with the writer, who commits and then looks at the flag: one of us sees the other.
  if (!reader_->is_quiet()) {
    pause_spinning();
    return;
  }
  if (ring.is_retired() || std::atomic_ref(ring.breaks()).load() != breaks_) return;
  wait_futex(ring.sleepers(), 1, longest);
}

Message TailImpl::decode_current() const {
  std::optional<record::Decoded> decoded = record::decode(reader_->record());
  // Its checksums are right, so a sender wrote fields that are not a message's: not one of ours.
  if (!decoded)
    throw Error(ErrorCode::kBadData, "read", position_.text(), "its fields are damaged");
  return std::move(decoded->message);
}

// ---- The public face

const Message& TailMessage::message() const {
  if (!message_) message_ = tail_->decode_current();
  return *message_;
}

std::string TailMessage::file() const {
  const Location& at = tail_->where();
  return std::string(names::kMessages) + "/" + names::shard_directory(at.file.shard()) + "/" +
         names::spool_file(at.file, at.kind);
}

Tail::Tail(std::unique_ptr<TailImpl> impl) : impl_(std::move(impl)) {}
Tail::Tail(Tail&&) noexcept = default;
Tail& Tail::operator=(Tail&&) noexcept = default;
Tail::~Tail() = default;

const TailMessage* Tail::poll() { return impl_->poll(); }
const TailMessage* Tail::wait(std::optional<Milliseconds> timeout,
                              const std::function<bool()>& cancelled) {
  return impl_->wait(timeout, cancelled);
}
MessageId Tail::position() const { return impl_->position(); }
TailCounts Tail::counts() const { return impl_->counts(); }
bool Tail::is_hot() const { return impl_->is_hot(); }

Tail Queue::tail() { return tail(TailOptions{}); }

Tail Queue::tail(const TailOptions& options) {
  return Tail(std::make_unique<TailImpl>(impl_, options));
}

}  // namespace spoolmq

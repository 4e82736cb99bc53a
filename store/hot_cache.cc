#include "store/hot_cache.h"

#include <atomic>
#include <climits>
#include <optional>
#include <utility>

#include "core/bytes.h"
#include "core/futex.h"
#include "core/log.h"

namespace spoolmq {
namespace {

using namespace hot_cache;

constexpr char kKind[] = "hot-1";
constexpr std::int64_t kTryAgainMs = 1000;
constexpr std::int64_t kCheckNameMs = 1000;

std::int64_t monotonic_ms() { return monotonic_ns() / 1'000'000; }

// The sizes it states, if they are possible and the file has just that length.
std::optional<Size> size_in(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeaderBytes || load_le<std::uint64_t>(bytes, header_at::kMagic) != kMagic) {
    return std::nullopt;
  }
  const Size size{load_le<std::uint64_t>(bytes, header_at::kSlots),
                  load_le<std::uint64_t>(bytes, header_at::kArenaBytes)};
  if (!size.is_sound() || size.file_bytes() != bytes.size() ||
      load_le<std::uint64_t>(bytes, header_at::kFileBytes) != bytes.size()) {
    return std::nullopt;
  }
  return size;
}

bool is_sound(std::span<const std::byte> bytes) { return size_in(bytes).has_value(); }

std::shared_ptr<HotRing> ring_of(SharedMapping mapping) {
  if (!mapping.is_mapped()) return nullptr;
  const std::optional<Size> size = size_in(mapping.bytes());
  if (!size) return nullptr;
  return std::make_shared<HotRing>(std::move(mapping), *size);
}

}  // namespace

// ---- HotRing

HotRing::HotRing(SharedMapping mapping, Size size)
    : mapping_(std::move(mapping)),
      size_(size),
      arena_at_(kHeaderBytes + size.slots * kSlotBytes) {}

void HotRing::format(const SharedMapping& made, const Size& size) {
  store_le(made.bytes(), header_at::kMagic, kMagic);
  store_le(made.bytes(), header_at::kSlots, size.slots);
  store_le(made.bytes(), header_at::kArenaBytes, size.arena_bytes);
  store_le(made.bytes(), header_at::kFileBytes, size.file_bytes());
  store_le(made.bytes(), header_at::kNextTicket, kFirstTicket);
}

bool HotRing::is_retired() { return std::atomic_ref(retired()).load() != 0; }

void HotRing::tell_break() {
  std::atomic_ref(breaks()).fetch_add(1);
  wake();
}

// Pairs with the sleeper's exchange of the flag: it looks again after that, and we look at the flag
// after what it looks for was stored (an exchange or an addition, both sequentially consistent).
void HotRing::wake() {
  const std::atomic_ref<std::uint32_t> flag(sleepers());
  if (flag.load() == 0) return;
  flag.store(0);
  wake_futex(sleepers(), INT_MAX);
}

void HotRing::retire() {
  std::atomic_ref(retired()).exchange(1);
  for (std::uint64_t i = 0; i < size_.slots; ++i) {
    for (std::size_t word = 0; word <= kSlotWords; ++word) {
      std::atomic_ref(slot_word(i, word)).store(0, std::memory_order_relaxed);
    }
  }
  for (std::uint64_t place = 0; place < size_.arena_bytes; place += kWordBytes) {
    std::atomic_ref(arena_word(place)).store(0, std::memory_order_relaxed);
  }
  wake();
}

void HotRing::abandon(std::uint32_t owner) {
  for (std::uint64_t i = 0; i < size_.slots; ++i) {
    const std::atomic_ref<std::uint64_t> word(state(i));
    std::uint64_t now = word.load(std::memory_order_relaxed);
    if (!is_being_written(now) || owner_of(now) != owner + 1) continue;
    word.compare_exchange_strong(now, state_of(ticket_of(now), kAbandoned));
  }
}

// ---- HotCache

HotCache::HotCache(SharedMemory memory, std::string subject, bool shared, Stay stay)
    : memory_(std::move(memory)), subject_(std::move(subject)), shared_(shared), stay_(stay) {}

std::shared_ptr<HotRing> HotCache::find() {
  std::shared_ptr<HotRing> ring = ring_of(memory_.open(kKind, is_sound));
  if (!ring || !ring->is_retired()) return ring;
  // Whoever retired it was killed before he could take its name away.
  ring->retire();
  memory_.remove(kKind);
  return nullptr;
}

std::shared_ptr<HotRing> HotCache::make(std::uint64_t wished_bytes, bool is_tail) {
  const Size size = Size::of(wished_bytes);
  SharedMemory::Opened opened = memory_.open_or_make(
      kKind, size.file_bytes(), [&](const SharedMapping& made) { HotRing::format(made, size); },
      is_sound);
  if (!opened.mapping.is_mapped()) {
    if ((is_tail || stay_ == Stay::kLong) && !std::exchange(told_, true)) {
      log::warn("no hot cache: tails of this queue read the disk",
                {{"queue", subject_}, {"why", opened.why}});
    }
    not_before_ms_ = monotonic_ms() + kTryAgainMs;
  }
  return ring_of(std::move(opened.mapping));
}

std::shared_ptr<HotRing> HotCache::current(std::uint64_t wished_bytes, std::uint64_t owner_slot) {
  if (!shared_ || wished_bytes == 0) return nullptr;
  const std::lock_guard guard(mutex_);
  if (ring_ && !ring_->is_retired()) return ring_;
  ring_ = nullptr;
  if (monotonic_ms() < not_before_ms_) return nullptr;
  ring_ = find();
  if (!ring_) ring_ = make(wished_bytes, owner_slot == kNoSlot);
  if (!ring_) return nullptr;
  inode_ = memory_.inode(kKind);
  if (owner_slot != kNoSlot) ring_->abandon(static_cast<std::uint32_t>(owner_slot));
  return ring_;
}

bool HotCache::is_named(const HotRing& ring) {
  const std::lock_guard guard(mutex_);
  return ring_.get() == &ring && is_still_named();
}

void HotCache::check_name() {
  const std::lock_guard guard(mutex_);
  const std::int64_t now = monotonic_ms();
  if (!ring_ || now < check_at_ms_) return;
  check_at_ms_ = now + kCheckNameMs;
  static_cast<void>(is_still_named());
}

bool HotCache::is_still_named() {
  if (memory_.inode(kKind) == inode_) return true;
  ring_->retire();  // nobody new finds it: its writers are to make another
  ring_ = nullptr;
  return false;
}

void HotCache::retire() {
  if (!shared_) return;
  const std::lock_guard guard(mutex_);
  if (!ring_) ring_ = find();
  if (ring_) ring_->retire();
  ring_ = nullptr;
  memory_.remove(kKind);
}

void HotCache::tell_break() {
  if (!shared_) return;
  const std::lock_guard guard(mutex_);
  if (!ring_) ring_ = find();
  if (ring_) ring_->tell_break();
}

}  // namespace spoolmq

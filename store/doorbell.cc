#include "store/doorbell.h"

#include <algorithm>
#include <atomic>
#include <climits>
#include <utility>

#include "core/futex.h"

namespace spoolmq {
namespace {

constexpr char kKind[] = "bell-5";
constexpr std::size_t kBellBytes = 4096;
constexpr std::size_t kWordsAt = 1024;
constexpr std::size_t kAnnouncedAt = 1088;  // in a cache line of its own
constexpr std::size_t kSpareAt = 2048;
constexpr std::uint32_t kSleeper = 1;
constexpr std::uint32_t kOneRing = 2;
constexpr std::int64_t kFreshNs = 500'000;  // an announcement whose sync must be over by now is old
constexpr int kEndBits = 40;                // a segment is far shorter
constexpr std::uint64_t kEndMask = (std::uint64_t{1} << kEndBits) - 1;

// The next sequence without the flag. True: the flag was set.
bool advance(std::uint32_t& futex) {
  const std::atomic_ref<std::uint32_t> word(futex);
  std::uint32_t old = word.load();
  while (!word.compare_exchange_weak(old, (old + kOneRing) & ~kSleeper)) {
  }
  return (old & kSleeper) != 0;
}

std::uint32_t sequence_of(std::uint32_t& futex) {
  return std::atomic_ref<std::uint32_t>(futex).load() & ~kSleeper;
}

// False: it slept until the time was over.
bool sleep_on(std::uint32_t& futex, std::uint32_t prepared, std::chrono::milliseconds longest) {
  if (longest.count() <= 0) return false;
  const std::atomic_ref<std::uint32_t> word(futex);
  std::uint32_t now = word.load();
  do {
    if ((now & ~kSleeper) != prepared) return true;
  } while (!word.compare_exchange_weak(now, now | kSleeper));
  return wait_futex(futex, prepared | kSleeper, longest);
}

std::uint64_t place_of(const Doorbell::Announcement& soon) {
  return std::uint64_t{soon.slot} << kEndBits | (soon.written_end & kEndMask);
}

}  // namespace

Doorbell::Doorbell(SharedMemory memory, bool shared) {
  if (!shared) return;
  mapping_ = memory
                 .open_or_make(
                     kKind, kBellBytes, [](const SharedMapping&) {},
                     [](std::span<const std::byte> bytes) { return bytes.size() == kBellBytes; })
                 .mapping;
  if (!mapping_.is_mapped()) return;
  words_ = &mapping_.word<Words>(kWordsAt);
  announced_ = &mapping_.word<Announced>(kAnnouncedAt);
}

void Doorbell::ring() {
  std::atomic_ref(words_->missed).fetch_add(1);
  wake_all_takers();
  ring_others();
}

void Doorbell::ring_for(std::size_t messages) {
  if (messages != 0) wake_takers(messages);
  ring_others();
}

void Doorbell::ring_others() {
  if (advance(words_->others)) wake_futex(words_->others, INT_MAX);
}

void Doorbell::wake_takers(std::size_t wanted) {
  const std::uint32_t old = std::atomic_ref(words_->takers).fetch_add(kOneRing);
  const int most = static_cast<int>(std::min<std::size_t>(wanted, INT_MAX));
  const bool sleeps = (old & kSleeper) != 0;
  if (sleeps && wake_futex(words_->takers, most) >= most) return;
  // Before the flag goes: who sleeps on from here on either saw this, or is woken below.
  std::atomic_ref(words_->missed).fetch_add(1);
  if (sleeps) wake_all_takers();
}

void Doorbell::wake_all_takers() {
  if (advance(words_->takers)) wake_futex(words_->takers, INT_MAX);
}

bool Doorbell::has_taker() const {
  return (std::atomic_ref(words_->takers).load() & kSleeper) != 0;
}

void Doorbell::announce(const Announcement& soon) {
  if (!has_taker()) return;
  std::atomic_ref(announced_->place).store(place_of(soon), std::memory_order_relaxed);
  std::atomic_ref(announced_->sequence)
      .store(sequence_of(words_->takers), std::memory_order_relaxed);
  std::atomic_ref(announced_->at_ns).store(monotonic_ns());
  wake_futex(words_->takers, 1);
}

Doorbell::Turn Doorbell::prepare_to_take() {
  const std::uint32_t sequence = sequence_of(words_->takers);
  return {sequence, std::atomic_ref(words_->missed).load()};
}

bool Doorbell::wait_to_take(Turn& turn, std::chrono::milliseconds longest) {
  if (sleep_on(words_->takers, turn.sequence, longest)) return true;
  const std::uint32_t missed = std::exchange(turn, prepare_to_take()).missed;
  return turn.missed != missed;
}

std::optional<Doorbell::Announcement> Doorbell::announced() {
  const std::int64_t at_ns = std::atomic_ref(announced_->at_ns).load();
  const std::int64_t age_ns = monotonic_ns() - at_ns;
  if (age_ns < 0 || age_ns > kFreshNs ||
      sequence_of(words_->takers) != std::atomic_ref(announced_->sequence).load()) {
    return std::nullopt;
  }
  const std::uint64_t place = std::atomic_ref(announced_->place).load();
  return Announcement{static_cast<std::uint32_t>(place >> kEndBits), place & kEndMask};
}

std::uint32_t Doorbell::prepare() { return sequence_of(words_->others); }

void Doorbell::wait(std::uint32_t prepared, std::chrono::milliseconds longest) {
  sleep_on(words_->others, prepared, longest);
}

void Doorbell::tell_probe(std::int64_t boot_ms) {
  std::atomic_ref(words_->probed_boot_ms).store(boot_ms, std::memory_order_relaxed);
}

// Of 0 it is not known, and what lies ahead is nobody's.
bool Doorbell::was_probed_within(std::int64_t ms, std::int64_t boot_ms) const {
  const std::int64_t at_ms =
      std::atomic_ref(words_->probed_boot_ms).load(std::memory_order_relaxed);
  return at_ms > 0 && at_ms <= boot_ms && boot_ms - at_ms < ms;
}

std::span<std::byte> Doorbell::spare_bytes() const {
  return mapping_.is_mapped() ? mapping_.bytes().subspan(kSpareAt) : std::span<std::byte>();
}

void Doorbell::remove(SharedMemory memory) { memory.remove(kKind); }

}  // namespace spoolmq

#include "store/doorbell.h"

#include <atomic>
#include <climits>
#include <utility>

#include "core/futex.h"

namespace spoolmq {
namespace {

constexpr char kKind[] = "bell-4";
constexpr std::size_t kBellBytes = 4096;
constexpr std::size_t kWordAt = 1024;
constexpr std::size_t kAnnouncedAt = 1088;  // in a cache line of its own
constexpr std::size_t kSpareAt = 2048;
constexpr std::uint32_t kSleeper = 1;
constexpr std::uint32_t kOneRing = 2;
constexpr std::int64_t kFreshNs = 500'000;  // an announcement whose sync must be over by now is old
constexpr int kEndBits = 40;                // a segment is far shorter
constexpr std::uint64_t kEndMask = (std::uint64_t{1} << kEndBits) - 1;

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
  word_ = &mapping_.word<std::uint32_t>(kWordAt);
  announced_ = &mapping_.word<Announced>(kAnnouncedAt);
}

void Doorbell::ring() {
  const std::atomic_ref<std::uint32_t> word(*word_);
  std::uint32_t old = word.load();
  while (!word.compare_exchange_weak(old, (old + kOneRing) & ~kSleeper)) {
  }
  if ((old & kSleeper) != 0) wake_futex(*word_, INT_MAX);
}

bool Doorbell::has_sleeper() const { return (std::atomic_ref(*word_).load() & kSleeper) != 0; }

void Doorbell::announce(const Announcement& soon) {
  if (!has_sleeper()) return;
  std::atomic_ref(announced_->place).store(place_of(soon), std::memory_order_relaxed);
  std::atomic_ref(announced_->at_ns).store(monotonic_ns());
  wake_futex(*word_, 1);
}

std::optional<Doorbell::Announcement> Doorbell::announced(std::uint32_t prepared) {
  const std::int64_t at_ns = std::atomic_ref(announced_->at_ns).load();
  const std::int64_t age_ns = monotonic_ns() - at_ns;
  if (age_ns < 0 || age_ns > kFreshNs || prepare() != prepared) return std::nullopt;
  const std::uint64_t place = std::atomic_ref(announced_->place).load();
  return Announcement{static_cast<std::uint32_t>(place >> kEndBits), place & kEndMask};
}

std::uint32_t Doorbell::prepare() {
  return std::atomic_ref<std::uint32_t>(*word_).load() & ~kSleeper;
}

void Doorbell::wait(std::uint32_t prepared, std::chrono::milliseconds longest) {
  if (longest.count() <= 0) return;
  const std::atomic_ref<std::uint32_t> word(*word_);
  std::uint32_t now = word.load();
  do {
    if ((now & ~kSleeper) != prepared) return;
  } while (!word.compare_exchange_weak(now, now | kSleeper));
  // Returns early on a signal or a ring; the caller looks again either way.
  wait_futex(*word_, prepared | kSleeper, longest);
}

std::span<std::byte> Doorbell::spare_bytes() const {
  return mapping_.is_mapped() ? mapping_.bytes().subspan(kSpareAt) : std::span<std::byte>();
}

void Doorbell::remove(SharedMemory memory) { memory.remove(kKind); }

}  // namespace spoolmq
